// Times of rounds in which everything ran once: what bnn_lab/measure/timing.py says of them.

/** The value below which a share of them lies, between the nearest two, as NumPy has it. */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (values) => percentile(values, 0.5);

/** Times of a report: seconds of one call in each round. */
export const timesOf = (name, seconds, calls) => ({
  name,
  min_s: Math.min(...seconds),
  median_s: median(seconds),
  p90_s: percentile(seconds, 0.9),
  rounds: seconds.length,
  calls_per_round: calls,
});

/** Median of the quotients within each round: a slow phase of the machine hits both. */
export const speedup = (ours, others) => median(others.map((other, i) => other / ours[i]));
