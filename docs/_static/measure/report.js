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

/** The part of an address behind # that holds a report. */
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

/** Throws unless the page can show it: a link may come from anywhere. */
export function check(report, schema) {
  const text = (value) => typeof value === "string";
  const seconds = (value) => Number.isFinite(value) && value > 0;
  const whole =
    report?.schema === schema &&
    text(report.device) &&
    text(report.time) &&
    Array.isArray(report.host?.flags) &&
    Array.isArray(report.layers) &&
    report.layers.every(
      ({ name, macs, times }) =>
        text(name) &&
        seconds(macs) &&
        Array.isArray(times) &&
        times.every(
          (one) => text(one.name) && [one.min_s, one.median_s, one.p90_s].every(seconds),
        ),
    );
  if (!whole) throw new Error(`The link does not hold a report of this version (${schema}).`);
}
