// Reports of `bnn-lab bench` that somebody drops on the page: read, checked, and put together as
// bnn_lab/bench/report.py does it.

const LARGEST = 32e6; // bytes, as in bnn_lab/bench/collect.py
const LONGEST = 80; // letters of a device's name
const AGAIN = "Fix: measure again with bnn-lab bench suite --json FILE.";

/** The file's report. Throws what to tell the reader, with what to do. */
export async function readFile(file, site) {
  if (file.size > LARGEST) {
    throw new Error(`${file.name} has ${Math.round(file.size / 1e6)} MB: too large for a report. ${AGAIN}`);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch (error) {
    const why = error instanceof TypeError ? "it is not text" : "it cannot be read; a folder's files must be chosen themselves";
    throw new Error(`${file.name} is not a report: ${why}. Fix: choose a file of bnn-lab bench ... --json FILE.`);
  }
  return reportOf(text, file.name, site);
}

/** The report in a text. Throws what to tell the reader, with what to do. */
export function reportOf(text, name, { schema, study_schema: study }) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    throw new Error(`${name} is not a report: it does not hold JSON, or not all of it. ${AGAIN}`);
  }
  const found = report?.schema;
  const [kind, version] = String(found).split("/");
  const [own, newest] = schema.split("/");
  if (kind === study.split("/")[0]) {
    throw new Error(`${name} is a study, not a report. Fix: bnn-lab bench merge ${name} --html page.html shows it.`);
  }
  if (found !== schema && kind === own && Number(version) > Number(newest)) {
    throw new Error(`${name} has the form ${String(found).slice(0, 40)}; this page reads ${schema}. Fix: look at it on a newer site.`);
  }
  if (found !== schema) {
    const said = typeof found === "string" ? `has the form ${found.slice(0, 40)}` : "does not say what form it has";
    throw new Error(`${name} ${said}; this page reads ${schema}. ${AGAIN}`);
  }
  const wrong = problem(report);
  if (wrong) throw new Error(`${name} is not a whole report: ${wrong}. ${AGAIN}`);
  if (report.host.emulated) {
    throw new Error(`${name} was measured on an emulated CPU; its times are not those of a device. ${AGAIN}`);
  }
  return report;
}

const isText = (value) => typeof value === "string";
const isObject = (value) => value instanceof Object && !Array.isArray(value);
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isPositive = (value) => Number.isFinite(value) && value > 0;
const isPair = (value) => Array.isArray(value) && value.length === 2 && value.every(isPositive);
const all = (value, good) => isObject(value) && Object.values(value).every(good);

/** What is wrong with a report, of all that the page reads; "" if nothing is. */
export function problem(report) {
  const { device, time, host, layers, models } = report;
  if (!isText(device) || !device.trim() || device.length > LONGEST) return "device is not a name";
  if (!isText(time)) return "time is missing";
  if (!isObject(host) || !["cpu", "machine", "system"].every((key) => isText(host[key])) || !isCount(host.cpus)) {
    return "host is not whole";
  }
  for (const [key, list] of Object.entries({ layers, models })) {
    if (!Array.isArray(list)) return `${key} is not a list`;
    for (const [at, entry] of list.entries()) {
      const wrong = isObject(entry) ? problemOfEntry(entry, key === "models") : "it is not an object";
      if (wrong) return `${key}[${at}]: ${wrong}`;
    }
  }
  return layers.length || models.length ? "" : "it has neither layers nor models";
}

function problemOfEntry(entry, isModel) {
  const { name, num_threads: threads, macs, reference, times } = entry;
  const { speedup_over: over, speedup_interval: interval = {} } = entry;
  if (!isText(name) || !isText(reference)) return "name or reference is missing";
  if (!isCount(threads) || threads < 1) return "num_threads is not a number of threads";
  if (!isCount(macs)) return "macs is not a count";
  if (!all(over, isPositive) || !all(interval, isPair)) return "its ratios are not whole";
  const good = (one) => isObject(one) && isText(one.name) && ["min_s", "median_s", "p90_s"].every((key) => isPositive(one[key]));
  if (!Array.isArray(times) || !times.length || !times.every(good)) return "its times are not whole";
  const timed = times.map((one) => one.name);
  if (!timed.includes(reference)) return "the times of its reference are missing";
  if (timed.some((one) => one !== reference && !Object.hasOwn(over, one))) return "a ratio is missing";
  if (!Object.keys({ ...over, ...interval }).every((one) => timed.includes(one))) return "a ratio is over what was not timed";
  if (isModel) {
    if (!isCount(entry.binary_macs) || !all(entry.file_bytes, isPositive)) return "binary_macs or file_bytes is not whole";
    return entry.profile === null || isProfile(entry.profile) ? "" : "its profile is not whole";
  }
  const { shape } = entry;
  const sizes = ["height", "width", "channels_in", "channels_out", "stride", "groups"];
  const whole = isObject(shape) && isText(shape.kind) && sizes.every((key) => isCount(shape[key])) && isPair(shape.kernel);
  return whole ? "" : "its shape is not whole";
}

function isProfile(profile) {
  const isRow = ({ kind, output_shape: shape, ms, macs, binary }) =>
    isText(kind) && Array.isArray(shape) && shape.every(isCount) && Number.isFinite(ms) && ms >= 0 &&
    (macs === null || isCount(macs)) && typeof binary === "boolean";
  return isObject(profile) && isPositive(profile.end_to_end_ms) && Array.isArray(profile.rows) &&
    profile.rows.every((row) => isObject(row) && isRow(row));
}

const identity = ({ device, host }) => JSON.stringify([device, host.cpu, host.cpus, host.machine, host.system]);

/** One report per device; of each layer and model the newest figure. See `merge_reports`. */
export function merged(reports) {
  const devices = new Map(reports.map((report) => [identity(report), []]));
  const byTime = [...reports].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  for (const report of byTime) devices.get(identity(report)).push(report);
  const found = [...devices.values()];
  const labels = distinct(found.map((list) => [list[0].device, list.at(-1).host.cpu]));
  return found.map((list, i) => ({
    ...list.at(-1),
    device: labels[i],
    layers: newest(list.map(({ layers }) => layers)),
    models: newest(list.map(({ models }) => models)),
  }));
}

function newest(parts) {
  const found = new Map();
  for (const entry of parts.flat()) found.set(`${entry.num_threads} ${entry.name}`, entry);
  return [...found.values()];
}

function distinct(devices) {
  const labels = devices.map(([label]) => label);
  const found = [];
  for (const [label, cpu] of devices) {
    const alone = labels.filter((other) => other === label).length === 1 || label.includes(cpu);
    const wanted = alone ? label : `${label}, ${cpu}`;
    let name = wanted;
    for (let number = 2; found.includes(name); number++) name = `${wanted} (${number})`;
    found.push(name);
  }
  return found;
}

/** Labels under which several reports measured the same on one machine: there the newest counts. */
export function repeated(reports) {
  const seen = new Map();
  for (const report of reports) {
    const keys = new Set([...report.layers, ...report.models].map((e) => `${e.num_threads} ${e.name}`));
    const counts = seen.get(identity(report)) ?? { label: report.device, of: new Map() };
    for (const key of keys) counts.of.set(key, (counts.of.get(key) ?? 0) + 1);
    seen.set(identity(report), counts);
  }
  return [...seen.values()].filter(({ of }) => Math.max(0, ...of.values()) > 1).map(({ label }) => label);
}
