// Reports as points: the page's twin of bnn_lab/figures/latency_points.py, which says what they mean.
// What both know (names of axes, picojoules, published accuracies, cited points) is in site.json.

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

const timesOf = (entry, name) => entry.times.find((times) => times.name === name);

/** The times of a float32 or int8 form. */
function peerOf(entry, form, { peers }) {
  for (const name of peers[form]) {
    const found = timesOf(entry, name);
    if (found) return found;
  }
  return null;
}

const formOf = (runtime, { peers, binary }) =>
  Object.keys(peers).find((form) => peers[form].includes(runtime)) ?? binary;

/** How many MACs of each form take the time of a float one: medians over the convolutions. */
export function macRatios(report, site) {
  const convs = report.layers.filter(({ shape }) => shape.kind === "conv");
  const fewest = Math.min(...convs.map((layer) => layer.num_threads));
  const found = {};
  for (const layer of convs) {
    const peer = peerOf(layer, site.float32, site);
    if (!peer || layer.num_threads !== fewest) continue;
    (found[site.binary] ??= []).push(layer.speedup_over[peer.name]);
    const int8 = peerOf(layer, site.int8, site);
    if (int8) (found[site.int8] ??= []).push(peer.median_s / int8.median_s);
  }
  const ratios = Object.fromEntries(Object.entries(found).map(([form, values]) => [form, median(values)]));
  return Object.keys(ratios).length ? { ...ratios, [site.float32]: 1 } : {};
}

/** Millijoules of a network's arithmetic, and of its file read once. */
function networkEnergy(entry, form, bytes, { energy, float32 }) {
  const [bits, , each] = energy.forms[form];
  const floats = bits === 1 ? entry.macs - entry.binary_macs : 0;
  const work = (entry.macs - floats) * each + floats * energy.forms[float32][2];
  return (work + bytes * energy.byte) / 1e9;
}

/** Millijoules of a layer; null where the model does not fit. */
function layerEnergy({ shape }, form, { energy }) {
  const [kernel, other] = shape.kernel;
  const conv = shape.kind === "conv";
  if (!(conv || shape.kind === "dense") || shape.height !== shape.width || kernel !== other || shape.groups !== 1) return null;
  if (conv && shape.padding !== "same") return null;
  const [bits, outputBits, each] = energy.forms[form];
  const stored = (channels, size) => (size === 1 ? 4 * Math.ceil(channels / 32) : Math.floor((channels * size) / 8));
  const out = Math.ceil(shape.height / shape.stride) ** 2;
  const macs = out * kernel ** 2 * shape.channels_in * shape.channels_out;
  const window = shape.channels_out * kernel ** 2;
  const bytes = (shape.height ** 2 + window) * stored(shape.channels_in, bits) + out * stored(shape.channels_out, outputBits);
  return (macs * each + bytes * energy.byte) / 1e9;
}

function pointOf(report, entry, times, ratios, site) {
  const { axes } = site;
  const form = formOf(times.name, site);
  const values = { [axes.latency]: times.median_s * 1e3, [axes.macs]: entry.macs / 1e6, [axes.threads]: entry.num_threads };
  const spread = { [axes.latency]: [times.min_s * 1e3, times.p90_s * 1e3] };
  for (const [quantity, kind] of [[axes.overFloat, site.float32], [axes.overInt8, site.int8]]) {
    const peer = peerOf(entry, kind, site);
    if (!peer || peer === times) continue;
    if (times.name === entry.reference) {
      values[quantity] = entry.speedup_over[peer.name];
      const ends = entry.speedup_interval?.[peer.name];
      if (ends) spread[quantity] = ends;
    } else values[quantity] = peer.median_s / times.median_s;
  }
  let binary = entry.macs;
  if (entry.file_bytes) {
    values[axes.binaryMacs] = entry.binary_macs / 1e6;
    const size = entry.file_bytes[form];
    if (size) {
      values[axes.size] = size / 1e6;
      values[axes.energy] = networkEnergy(entry, form, size, site);
    }
    const top1 = site.published[entry.name];
    if (top1 !== undefined) values[axes.accuracy] = top1;
    if (form === site.binary) binary = entry.binary_macs;
  } else {
    const energy = layerEnergy(entry, form, site);
    if (energy !== null) values[axes.energy] = energy;
  }
  if (form in ratios) values[axes.equivalent] = (entry.macs - binary + binary / ratios[form]) / 1e6;
  return { device: report.device, model: entry.name, values, form, spread, source: "", runtime: "" };
}

/** What the times of a runtime are called in an entry. */
function nameOf(runtime, entry, { ours, unfused, unfusedEnding }) {
  if (runtime === ours) return entry.reference;
  return runtime === unfused ? `${entry.reference} ${unfusedEnding}` : runtime;
}

const showsAllThreads = ({ x, y }, { axes }) => [x, y].includes(axes.threads);

/**
 * Points of all reports: networks or layers, on the chosen runtime and threads.
 * @param state {of, x, y, runtime, threads, lines, models}; no models are all
 */
export function measuredPoints(reports, state, site) {
  const points = [];
  const ofLayers = state.of === site.layersOf;
  for (const report of reports) {
    const ratios = macRatios(report, site);
    for (const entry of ofLayers ? report.layers : report.models) {
      if (!ofLayers && !chosen(entry.name, state)) continue;
      if (!showsAllThreads(state, site) && entry.num_threads !== Number(state.threads)) continue;
      const peers = state.lines ? [site.float32, site.int8].map((form) => peerOf(entry, form, site)) : [];
      const found = [...peers, timesOf(entry, nameOf(state.runtime, entry, site))].filter(Boolean);
      for (const times of new Set(found)) points.push(pointOf(report, entry, times, ratios, site));
    }
  }
  return points;
}

const chosen = (model, { models }) => !models.length || models.includes(model);

/** What others published, of the chosen kind, models and threads. */
export function citedPoints(state, site) {
  if (!state.cited) return [];
  const { axes } = site;
  return site.cited[state.of].filter(
    ({ model, values }) =>
      (state.of === site.layersOf || chosen(model, state)) &&
      (showsAllThreads(state, site) || (values[axes.threads] ?? 1) === Number(state.threads)),
  );
}

/** Names of the networks, measured or cited. */
export function modelsOf(reports, site) {
  const measured = reports.flatMap(({ models }) => models.map(({ name }) => name));
  return [...new Set([...measured, ...site.cited[site.networksOf].map(({ model }) => model)])];
}

/** The runtimes that a report has, so that only those are offered. */
export function runtimesOf(reports, site) {
  const named = new Set(reports.flatMap(({ layers, models }) => [...layers, ...models].flatMap(({ times }) => times.map(({ name }) => name))));
  const unfused = [...named].some((name) => name.endsWith(` ${site.unfusedEnding}`));
  return site.runtimes.filter((name) => name === site.ours || (name === site.unfused ? unfused : named.has(name)));
}
