// What was measured, as a report of `bnn-lab bench` (bnn_lab/bench/report.py), in a file or a link.

import { speedup, timesOf } from "./statistics.js";

const OURS = "bnn_lab ";
const KEY = "report=";

/** What the browser tells of the device; the visitor may name it better. */
export function describeDevice(navigator) {
  const agent = navigator.userAgent;
  const system = navigator.userAgentData?.platform || navigator.platform || "unknown";
  const kinds = [/Firefox\/\d+/, /Edg\/\d+/, /Chrom\w*\/\d+/, /Version\/\d+/];
  const browser = kinds.map((kind) => agent.match(kind)?.[0]).find(Boolean) ?? "a browser";
  const named = browser.replace("Version/", "Safari ").replace("Edg/", "Edge ").replace("/", " ");
  return { name: `${system}, ${named}`, system, agent, cpus: navigator.hardwareConcurrency || 1 };
}

/** The fastest of ours, to the median. */
export function bestOf(results) {
  const ours = results.filter(({ name }) => name.startsWith(OURS));
  return ours.reduce((best, one) =>
    timesOf("", one.seconds, 1).median_s < timesOf("", best.seconds, 1).median_s ? one : best,
  );
}

/**
 * A report of these layers.
 * @param layers [{layer, results: [{name, seconds, count}]}], of the worker
 * @param about {device, relaxed, backends, site, time}
 */
export function makeReport(layers, { device, relaxed, backends, site, time }) {
  return {
    schema: site.schema,
    bnn_lab: site.version,
    command: ["measure your device"],
    time,
    host: {
      cpu: device.name,
      cpus: device.cpus,
      flags: relaxed ? ["simd128", "relaxed_simd"] : ["simd128"],
      machine: "wasm32",
      system: device.system,
      kernel: device.agent,
      python: "",
      packages: site.peers ?? {},
    },
    device: device.name,
    active_backend: backends.at(-1),
    noise: null,
    layers: layers.map(({ layer, results }) => layerEntry(layer, results)),
    models: [],
    bitpack_gb_per_s: {},
  };
}

function layerEntry({ name, macs, shape }, results) {
  const best = bestOf(results);
  const others = results.filter((one) => one !== best);
  const times = results.map((one) => timesOf(one.name, one.seconds, one.count));
  return {
    name,
    num_threads: 1,
    macs,
    reference: best.name,
    speedup_over: Object.fromEntries(
      others.map((one) => [one.name, speedup(best.seconds, one.seconds)]),
    ),
    times,
    shape,
    gmacs_per_s: Object.fromEntries(times.map((one) => [one.name, macs / one.median_s / 1e9])),
    ceiling_gmacs_per_s: {},
  };
}

async function through(bytes, transform) {
  const stream = new Blob([bytes]).stream().pipeThrough(transform);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The part of an address after # that holds a report. */
export async function toHash(report) {
  const text = new TextEncoder().encode(JSON.stringify(report));
  const packed = await through(text, new CompressionStream("deflate-raw"));
  const letters = btoa(String.fromCharCode(...packed));
  return `#${KEY}${letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The report in it, or null if there is none. Throws what to tell the reader. */
export async function fromHash(hash, schema) {
  if (!hash.startsWith(`#${KEY}`)) return null;
  let report;
  try {
    const letters = hash.slice(KEY.length + 1).replaceAll("-", "+").replaceAll("_", "/");
    const packed = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    const text = await through(packed, new DecompressionStream("deflate-raw"));
    report = JSON.parse(new TextDecoder().decode(text));
  } catch {
    throw new Error("The link does not hold a whole report; it was cut off.");
  }
  check(report, schema);
  return report;
}

/** The report in the text of a file. Throws what to tell the reader. */
export function fromText(content, schema) {
  let report;
  try {
    report = JSON.parse(content);
  } catch {
    throw new Error("This file is not a report: it does not hold JSON.");
  }
  check(report, schema);
  return report;
}

/** Throws unless the page can show it: a link or a file may come from anywhere. */
export function check(report, schema) {
  const text = (value) => typeof value === "string";
  const seconds = (value) => Number.isFinite(value) && value > 0;
  const list = (value, good) => Array.isArray(value) && value.every((one) => one instanceof Object && good(one));
  const factors = (value) => value === undefined || (value instanceof Object && Object.values(value).every(seconds));
  const timed = ({ name, min_s, median_s, p90_s }) => text(name) && [min_s, median_s, p90_s].every(seconds);
  const layer = ({ name, macs, times, speedup_over }) =>
    text(name) && seconds(macs) && factors(speedup_over) && list(times, timed) && times.length > 0;
  if (text(report?.schema) && report.schema !== schema) {
    throw new Error(`This report has the form ${report.schema.slice(0, 40)}; this page reads ${schema}.`);
  }
  const whole =
    report?.schema === schema &&
    text(report.device) &&
    text(report.time) &&
    Array.isArray(report.host?.flags) &&
    list(report.layers, layer);
  if (!whole) throw new Error(`This is not a complete report of the form ${schema}.`);
  if (!report.layers.length) throw new Error("This report has no layers, which are what this page shows.");
}
