// "Measure your device": its controls, and what was found.

import { hasRelaxed, hasSimd } from "./kernels.js";
import { digits, drawPlot, kindOf, pointsOf, recordedPoints } from "./plot.js";
import { describeDevice, fromHash, fromText, makeReport, toHash } from "./report.js";

const ROUNDS = 20;
const LARGEST = 10e6; // bytes of a report
const root = document.getElementById("measure");
const rounds = Number(new URLSearchParams(location.search).get("rounds")) || ROUNDS;

function make(tag, options = {}, ...children) {
  const { data = {}, ...rest } = options;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

const state = { worker: null, report: null, unit: "ms", stop: () => {}, release: () => {}, foreign: false };
const ui = {
  device: make("input", { type: "text", maxLength: 60, autocomplete: "off" }),
  simd: make("select"),
  start: make("button", { type: "button", className: "primary", textContent: "Measure" }),
  cancel: make("button", { type: "button", textContent: "Cancel", disabled: true }),
  progress: make("progress", { max: 1, value: 0, hidden: true }),
  status: make("p", { className: "status" }),
  notes: make("ul", { className: "notes" }),
  results: make("div", { className: "results", hidden: true }),
  headline: make("p", { className: "headline" }),
  unit: make("fieldset", { className: "unit-choice" }),
  plot: make("div", { className: "plot" }),
  legend: make("p", { className: "legend" }),
  said: make("p", { className: "said", textContent: "Point at a dot, or use Tab and arrow keys." }),
  table: make("div", { className: "table" }),
  save: make("button", { type: "button", textContent: "Save the report" }),
  link: make("button", { type: "button", textContent: "Copy a link to it" }),
  shared: make("p", { className: "status" }),
};
ui.progress.setAttribute("aria-label", "progress");
for (const line of [ui.status, ui.said, ui.shared]) line.setAttribute("aria-live", "polite");

function build(site, device) {
  ui.device.value = device.name;
  const modes = hasRelaxed() ? [["relaxed", "with relaxed SIMD"]] : [];
  for (const [value, text] of [...modes, ["plain", "without relaxed SIMD"]]) {
    ui.simd.append(make("option", { value, textContent: text }));
  }
  ui.unit.append(make("legend", { textContent: "axis" }));
  for (const unit of ["ms", "GMAC/s"]) {
    const input = make("input", { type: "radio", name: "unit", value: unit });
    input.checked = unit === state.unit;
    input.addEventListener("change", () => {
      state.unit = unit;
      show(site);
    });
    ui.unit.append(make("label", {}, input, ` ${unit}`));
  }
  const kinds = { binary: "binary, bnn_lab", int8: "int8, LiteRT", float32: "float32, LiteRT" };
  for (const [kind, text] of Object.entries(kinds)) {
    ui.legend.append(make("span", { className: `key ${kind}` }), ` ${text}  `);
  }
  ui.legend.append("— filled: measured in a browser; hollow: recorded, native code");
  const settings = make(
    "div",
    { className: "settings" },
    make("label", {}, "this device ", ui.device),
    make("label", {}, "measure ", ui.simd),
    ui.start,
    ui.cancel,
  );
  const share = make("p", { className: "share" }, ui.save, " ", ui.link);
  ui.results.append(ui.headline, ui.unit, ui.plot, ui.legend, ui.said, ui.table, share, ui.shared);
  root.replaceChildren(settings, ui.progress, ui.status, ui.notes, ui.results);
  if (site.peers) {
    const named = Object.entries(site.peers).map((pair) => pair.join(" "));
    const href = new URL("peers/LICENSES.txt", import.meta.url).href;
    const link = make("a", { href, textContent: "licences" });
    root.append(make("p", { className: "status" }, `Beside it: ${named.join(", ")} (`, link, ")"));
  }
  ui.start.addEventListener("click", () => measure(site, device));
  ui.cancel.addEventListener("click", () => end("Cancelled."));
  ui.save.addEventListener("click", save);
  ui.link.addEventListener("click", copyLink);
  ui.device.addEventListener("change", () => {
    if (state.foreign || !state.report) return;
    state.report.device = state.report.host.cpu = ui.device.value;
    show(site);
  });
}

function end(text) {
  state.worker?.terminate();
  state.worker = null;
  state.release();
  ui.start.disabled = !hasSimd();
  ui.cancel.disabled = true;
  ui.progress.hidden = true;
  ui.status.textContent = text;
}

function note(text) {
  ui.notes.append(make("li", { textContent: text }));
}

/** Two tabs that measure at once would measure each other: one waits. */
function measure(site, device) {
  if (!navigator.locks) return begun(site, device);
  navigator.locks.request("bnn-lab-measure", { ifAvailable: true }, (lock) => {
    if (!lock) {
      ui.status.textContent = "Another tab is measuring. Wait until it is done: both would be slower.";
      return null;
    }
    begun(site, device);
    return new Promise((release) => (state.release = release));
  });
}

function begun(site, device) {
  const relaxed = ui.simd.value === "relaxed";
  const layers = [];
  const time = `${new Date().toISOString().slice(0, 19)}+00:00`;
  ui.notes.replaceChildren();
  ui.shared.textContent = "";
  ui.start.disabled = true;
  ui.cancel.disabled = false;
  ui.cancel.focus();
  ui.progress.hidden = false;
  ui.progress.value = 0;
  let hidden = document.hidden;
  const watch = () => (hidden ||= document.hidden);
  document.addEventListener("visibilitychange", watch);
  const worker = new Worker(new URL("worker.js", import.meta.url));
  state.worker = worker;
  worker.onerror = (event) => end(`It failed: ${event.message ?? "the worker did not start"}`);
  worker.onmessage = ({ data }) => {
    if (state.worker !== worker) return; // cancelled meanwhile
    if (data.type === "progress") {
      ui.progress.value = data.done;
      const text = `Measuring: ${data.text}`;
      if (ui.status.textContent !== text) ui.status.textContent = text;
    } else if (data.type === "missing") {
      note(`Not measured: ${data.name} (${data.reason})`);
    } else if (data.type === "layer") {
      layers.push(data);
    } else if (data.type === "error") {
      end(`It failed: ${data.text}`);
    } else {
      document.removeEventListener("visibilitychange", watch);
      if (hidden) note("The page was in the background, which slows it down: measure again.");
      const named = { ...device, name: ui.device.value.trim() || device.name };
      const about = { device: named, relaxed, backends: data.backends, site, time };
      state.report = makeReport(layers, about);
      state.foreign = false;
      show(site);
      end("Done.");
      ui.start.focus();
    }
  };
  worker.postMessage({ site, relaxed, rounds });
}

/** Quotients of the whole: the range over the layers. */
function range(report, kind) {
  const found = report.layers.flatMap(({ speedup_over: over = {} }) =>
    Object.entries(over)
      .filter(([name]) => kindOf(name) === kind)
      .map(([, factor]) => factor),
  );
  if (!found.length) return null;
  const [least, most] = [Math.min(...found), Math.max(...found)].map((f) =>
    f < 9.95 ? f.toFixed(1) : f.toFixed(0),
  );
  return least === most ? `${least} times` : `${least} to ${most} times`;
}

function show(site) {
  const { report } = state;
  const parts = Object.entries({ float32: "float32", int8: "int8" })
    .map(([kind, name]) => [range(report, kind), name])
    .filter(([text]) => text)
    .map(([text, name]) => `${text} as fast as ${name}`);
  const simd = report.host.flags.includes("relaxed_simd") ? "with relaxed SIMD" : "without relaxed SIMD";
  const where = report.host.machine === "wasm32" ? simd : "in native code";
  ui.headline.textContent =
    `${report.device}: ` +
    (parts.length
      ? `binary layers run ${parts.join(" and ")}, all of them ${where} and on one thread.`
      : "binary layers, with nothing to compare them with.");
  const bands = report.layers.filter(({ num_threads: threads = 1 }) => threads === 1).map((layer) => {
    const here = { device: report.device, here: true, points: pointsOf(layer) };
    const others = site.recorded
      .filter(({ layers }) => layer.name in layers)
      .map(({ device, layers }) => ({
        device: `${device}, native`,
        here: false,
        points: recordedPoints(layers[layer.name]),
      }));
    return { name: layer.name, macs: layer.macs, lines: [here, ...others] };
  });
  ui.results.hidden = false;
  state.stop();
  state.stop = drawPlot(ui.plot, bands, {
    unit: state.unit,
    say: (text) => (ui.said.textContent = text),
  });
  ui.table.replaceChildren(tableOf(report));
}

function tableOf(report) {
  const head = ["", "best, ms", "median – 90 %", "GMAC/s", "times as long"];
  const factor = (over) => (over ? over.toFixed(over < 9.95 ? 1 : 0) : "1");
  const bodies = report.layers.map((layer) => {
    const title = make("th", { scope: "rowgroup", colSpan: head.length, textContent: layer.name });
    const rows = layer.times.map((one) => {
      const cells = [
        digits(one.min_s * 1e3),
        `${digits(one.median_s * 1e3)} – ${digits(one.p90_s * 1e3)}`,
        digits(layer.macs / one.min_s / 1e9),
        factor(layer.speedup_over?.[one.name]),
      ].map((textContent) => make("td", { textContent }));
      return make("tr", {}, make("th", { scope: "row", textContent: one.name }), ...cells);
    });
    return make("tbody", {}, make("tr", {}, title), ...rows);
  });
  const cells = head.map((textContent) => make("th", { scope: "col", textContent }));
  return make(
    "table",
    {},
    make("caption", { textContent: `Measured ${report.time.slice(0, 16).replace("T", " ")} UTC` }),
    make("thead", {}, make("tr", {}, ...cells)),
    ...bodies,
  );
}

function save() {
  const text = `${JSON.stringify(state.report, null, 1)}\n`;
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const name = state.report.device.replaceAll(/[^A-Za-z0-9]+/g, "-").toLowerCase();
  make("a", { href: url, download: `${name}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  ui.shared.textContent = `Saved as ${name}.json; bnn-lab bench merge reads it.`;
}

async function copyLink() {
  const hash = await toHash(state.report);
  history.replaceState(null, "", hash);
  try {
    await navigator.clipboard.writeText(location.href);
    ui.shared.textContent = "Copied. Nothing was sent anywhere: the link itself holds the report.";
  } catch {
    ui.shared.textContent = "The address of this page now holds the report: copy it from there.";
  }
}

/** A report that is dropped on the page is shown; a browser would leave the page for it. */
function takeFiles(site) {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (!file || state.worker) return;
    try {
      if (file.size > LARGEST) throw new Error("This file is not a report: it is too large.");
      Object.assign(state, { report: fromText(await file.text(), site.schema), foreign: true });
      show(site);
      ui.status.textContent = "This is the report that you dropped. Measure to see your own device.";
    } catch (error) {
      ui.status.textContent = error.message;
    }
  });
}

async function begin() {
  const answer = await fetch(new URL("site.json", import.meta.url));
  if (!answer.ok) throw new Error(`site.json: ${answer.status}`);
  const site = await answer.json();
  build(site, describeDevice(navigator));
  ui.status.textContent = site.peers
    ? "Takes some seconds, and loads 10 MB for LiteRT.js. Everything stays on this device."
    : "This copy of the site was built without LiteRT.js: only the binary layers can be measured.";
  if (!hasSimd()) {
    ui.start.disabled = true;
    ui.status.textContent =
      "This browser has no WebAssembly with SIMD, which the kernels need: Chrome and Edge have it since 91, " +
      "Firefox since 89, Safari since 16.4. A report of another device can be shown here.";
  }
  const read = async () => {
    try {
      const shared = await fromHash(location.hash, site.schema);
      if (!shared) return;
      Object.assign(state, { report: shared, foreign: true });
      show(site);
      ui.status.textContent = "This report came with the link. Measure to see your own device.";
    } catch (error) {
      ui.status.textContent = error.message;
    }
  };
  window.addEventListener("hashchange", read);
  takeFiles(site);
  await read();
}

begin().catch((error) => {
  root.replaceChildren(make("p", { textContent: `This page could not start: ${error.message}` }));
});
