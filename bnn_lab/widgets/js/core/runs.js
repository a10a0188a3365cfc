// Recorded runs of kernels: {machine, layers, roof}, as bnn_lab/widgets/kernel_runs.py makes them. A
// layer is {name, size, channels_in, channels_out, kernel, macs, rows, ceilings}, a row [name, best
// seconds, median seconds], `ceilings` backend to GMAC/s; roof is {ceilings, float_best, bandwidths}.

import recorded from "../recorded/kernels.json" with { type: "json" };

/** The reader's own first, then recorded ones of other machines. */
export function allRuns(...own) {
  const first = own.filter((run) => run !== null);
  const known = new Set(first.map(({ machine }) => machine));
  return [...first, ...recorded.filter(({ machine }) => !known.has(machine))];
}

/** Whether a row computes with bits. */
export const isBinary = (name) => name.startsWith("bnn_lab ") || name.startsWith("bits") || name.endsWith("bits");
