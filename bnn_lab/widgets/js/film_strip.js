// A network as a strip of blocks: as wide as their time, as high as their channels. Drag a section up
// or down, add and remove blocks; the time follows, with QuickNet below as the one to beat.

import schema from "./film_strip.json" with { type: "json" };
import { el } from "./core/dom.js";
import { explorable } from "./core/explorable.js";
import { axisX, knob, scale } from "./core/marks.js";
import { fade, mix } from "./core/theme.js";

const [FUSED, SEPARATE, NONE] = schema.fields.shortcuts.options;
const SECTIONS = [1, 2, 3, 4];
const LEAST = 32; // channels, and the distance between two choices
const MOST = 512;
const CLASSES = 1000;
const PARTS = ["first layers", "binary convolutions", "transitions", "classifier"];
const [STEM, BINARY, TRANSITION, HEAD] = PARTS;
// What files hold for a block beside its weights, as in bnn_lab/lessons/designer.py.
const BYTES_OF_BLOCK = 900;
const QUICKNET = Object.fromEntries(
  Object.entries(schema.fields).filter(([, field]) => field.kind !== "data").map(([name, field]) => [name, field.default]),
);

const at = (channels) => channels / LEAST - 1;

/** All layers of a design in their order: part, section, block, channels, ms, macs, bytes. */
export function layersOf(state) {
  const { costs } = state;
  const found = [];
  const image = Number(state.image);
  const filters = SECTIONS.map((i) => state[`filters_${i}`]);
  const blocks = SECTIONS.map((i) => state[`blocks_${i}`]);
  const floats = (weights, channels) => 4 * weights + 4 * channels;
  const add = (part, section, channels, ms, macs = 0, bytes = 0, block = -1) =>
    found.push({ part, section, channels, ms, macs, bytes, block });

  const first = filters[0] / 4;
  const stem = costs.stem[state.image];
  const start = at(filters[0]);
  add(STEM, 0, first, stem.first[start], (image / 2) ** 2 * 27 * first, floats(27 * first, first));
  add(STEM, 0, first, stem.depthwise[start], (image / 4) ** 2 * 9 * first, floats(9 * first, first));
  add(STEM, 0, filters[0], stem.expand[start], (image / 4) ** 2 * first * filters[0], floats(first * filters[0], filters[0]));

  let side = image / 4;
  SECTIONS.forEach((section, s) => {
    const channels = filters[s];
    if (s > 0) {
      const before = filters[s - 1];
      add(TRANSITION, section, before, costs.pool[side][at(before)]);
      add(TRANSITION, section, before, costs.blur[side][at(before)], (side / 2) ** 2 * 9 * before, floats(9 * before, before));
      side = Math.floor(side / 2);
      const mixed = costs.mix[side][at(before) * (MOST / LEAST) + at(channels)];
      add(TRANSITION, section, channels, mixed, side ** 2 * before * channels, floats(before * channels, channels));
    }
    const times = costs.binary[side];
    const i = at(channels);
    const macs = side ** 2 * 9 * channels ** 2;
    const words = 4 * channels * 9 * Math.ceil(channels / 32);
    if (state.shortcuts !== SEPARATE) add(BINARY, section, channels, times.quantize[i]);
    for (let block = 0; block < blocks[s]; block++) {
      const last = block + 1 === blocks[s];
      const bytes = words + (state.shortcuts === NONE && !last ? 4 : 8) * channels + BYTES_OF_BLOCK;
      if (state.shortcuts === SEPARATE) {
        add(BINARY, section, channels, times.quantize[i], 0, 0, block);
        add(BINARY, section, channels, times.plain[i], macs, bytes, block);
        add(BINARY, section, channels, times.add[i], 0, 0, block);
        continue;
      }
      const form = state.shortcuts === FUSED ? (last ? "fused last" : "fused") : last ? "plain" : "bits";
      add(BINARY, section, channels, times[form][i], macs, bytes, block);
    }
  });
  const last = filters[3];
  add(HEAD, 5, last, costs.average[side][at(last)]);
  add(HEAD, 5, last, costs.dense[at(last)], last * CLASSES, floats(last * CLASSES, CLASSES));
  add(HEAD, 5, last, costs.softmax);
  return found;
}

export function compute(state) {
  const layers = layersOf(state);
  const ghost = layersOf({ ...QUICKNET, costs: state.costs });
  const sum = (list, key) => list.reduce((total, layer) => total + layer[key], 0);
  const binaryMacs = sum(layers.filter((layer) => layer.part === BINARY), "macs");
  return {
    layers,
    ghost,
    ms: sum(layers, "ms"),
    ghostMs: sum(ghost, "ms"),
    macs: sum(layers, "macs"),
    binaryMacs,
    bytes: sum(layers, "bytes"),
  };
}

function height() {
  return 386;
}

function layout({ data, width, narrow }) {
  const [left, right] = [14, width - 14];
  const base = narrow ? 200 : 206;
  const top = 56;
  const longest = Math.max(data.ms, data.ghostMs) * 1.06;
  const x = scale([0, longest], [left, right]);
  const high = (channels) => 16 + ((base - top - 16) * channels) / MOST;
  const spans = SECTIONS.map((section) => spanOf(data.layers, section, x));
  const columns = SECTIONS.map((_, i) => left + ((right - left) * (i + 0.5)) / SECTIONS.length);
  const ghost = base + 118;
  return { left, right, base, top, x, high, spans, columns, ghost, axis: ghost + 34, controls: base + 58 };
}

/** Where a section's binary blocks stand. */
function spanOf(layers, section, x) {
  let time = 0;
  let [from, to] = [Infinity, 0];
  for (const layer of layers) {
    if (layer.section === section && layer.part === BINARY) {
      from = Math.min(from, time);
      to = Math.max(to, time + layer.ms);
    }
    time += layer.ms;
  }
  return [x(from), x(to)];
}

const colourOf = (part, c) =>
  ({ [STEM]: c.minus, [BINARY]: c.plus, [TRANSITION]: c.formula, [HEAD]: c.kick })[part];

function draw(pen, scene) {
  const { data, colours: c, layout: l, state } = scene;
  drawTotal(pen, scene);
  SECTIONS.forEach((section, i) => {
    const [from, to] = l.spans[i];
    const half = scene.narrow ? 34 : 62;
    pen.path([from, l.base + 3, to, l.base + 3, l.columns[i] + half, l.controls - 26, l.columns[i] - half, l.controls - 26], {
      fill: fade(c.plus, 0.12),
    }, true);
  });
  drawStrip(pen, scene, data.layers, l.base, l.high, 1);
  drawControls(pen, scene);
  pen.text("QuickNet", l.left, l.ghost - 7, { fill: c.soft, size: 12, weight: 600 });
  drawStrip(pen, scene, data.ghost, l.ghost + 16, () => 16, 0.4);
  pen.line(l.x(data.ghostMs), l.top - 6, l.x(data.ghostMs), l.ghost + 18, { stroke: c.soft, width: 1.4, dash: [5, 4] });
  const mine = state.measured.filter((row) => Object.keys(QUICKNET).every((key) => row[key] === state[key]));
  const measured = mine[mine.length - 1];
  if (measured) {
    const x = Math.min(l.x(measured.ms), l.right);
    pen.line(x, l.top - 10, x, l.base, { stroke: c.wrong, width: 2.4 });
    pen.text(`measured ${measured.ms.toFixed(2)} ms`, x - 6, l.top - 2, {
      fill: c.wrong, size: 12.5, weight: 700, align: "right", halo: c.paper,
    });
  }
  axisX(pen, l.x, l.axis - 10, c, { count: scene.narrow ? 4 : 8, title: "milliseconds, one thread" });
}

function drawTotal(pen, { data, colours: c, width, narrow, layout: l }) {
  const change = data.ms / data.ghostMs - 1;
  const percent = `${change < 0 ? "\u2212" : "+"}${Math.abs(100 * change).toFixed(0)} %`;
  const size = narrow ? 17 : 21;
  pen.text(`${data.ms.toFixed(2)} ms`, l.left, 28, { fill: c.ink, size: size + 4, weight: 700 });
  const text = Math.abs(change) < 0.005 ? "as QuickNet" : `${percent} against QuickNet`;
  pen.text(text, l.left + (narrow ? 100 : 128), 28, {
    fill: change <= 0.005 ? c.formula : c.wrong, size: narrow ? 13 : 15, weight: 600,
  });
  let x = width - 14;
  if (narrow) return;
  for (const part of [...PARTS].reverse()) {
    const wide = pen.measure(part, { size: 12 });
    pen.text(part, x, 27, { fill: c.soft, size: 12, align: "right" });
    pen.rect(x - wide - 15, 18, 10, 10, { fill: colourOf(part, c) }, 2);
    x -= wide + 28;
  }
}

function drawStrip(pen, { colours: c, layout: l, hovered }, layers, base, high, alpha) {
  let time = 0;
  for (const layer of layers) {
    const [x0, x1] = [l.x(time), l.x(time + layer.ms)];
    time += layer.ms;
    const colour = colourOf(layer.part, c);
    const lit = alpha === 1 && hovered === `filters_${layer.section}` && layer.part === BINARY;
    const wide = Math.max(x1 - x0, 0.6);
    const gap = wide > 5 ? 1 : wide > 2 ? 0.4 : 0;
    const h = high(layer.channels);
    pen.rect(x0, base - h, wide - gap, h, { fill: lit ? mix(colour, c.ink, 0.2) : colour, alpha }, wide > 7 ? 2 : 0);
  }
}

function drawControls(pen, { state, colours: c, layout: l, narrow }) {
  SECTIONS.forEach((section, i) => {
    const x = l.columns[i];
    const [blocks, filters] = [state[`blocks_${section}`], state[`filters_${section}`]];
    pen.text(narrow ? `${blocks} \u00d7 ${filters}` : `${blocks} block${blocks > 1 ? "s" : ""} \u00d7 ${filters}`, x, l.controls - 8, {
      fill: c.ink, size: narrow ? 12 : 13.5, weight: 600, align: "center",
    });
    for (const [dx, sign] of [[-22, "\u2212"], [22, "+"]]) {
      const off = sign === "+" ? blocks >= 12 : blocks <= 1;
      pen.rect(x + dx - 17, l.controls + 2, 34, 26, { fill: c.panel, stroke: off ? c.grid : c.faint, width: 1.2 }, 7);
      pen.text(sign, x + dx, l.controls + 16, {
        fill: off ? c.faint : c.accent, size: 17, weight: 700, align: "center", base: "middle",
      });
    }
    const [from, to] = l.spans[i];
    knob(pen, (from + to) / 2, l.base - l.high(filters), c, { r: 6, arrows: "y" });
  });
}

function handles({ state, layout: l }) {
  const list = [];
  SECTIONS.forEach((section, i) => {
    const filters = `filters_${section}`;
    const blocks = `blocks_${section}`;
    const [from, to] = l.spans[i];
    list.push({
      id: filters,
      label: `channels of section ${section}`,
      help: "drag up or down: channels of this section",
      field: filters,
      x: (from + to) / 2,
      y: l.base - l.high(state[filters]),
      axis: "y",
      reach: Math.min(Math.max((to - from) / 2, 13), 24),
      invite: section === 3,
      text: `${state[filters]} channels`,
      from: (px, py) => ((l.base - py - 16) / (l.base - l.top - 16)) * MOST,
    });
    for (const [dx, change, label] of [[-22, -1, "remove a block from"], [22, 1, "add a block to"]]) {
      list.push({
        id: `${blocks}${change}`,
        kind: "button",
        label: `${label} section ${section}`,
        x: l.columns[i] + dx - 18,
        y: l.controls,
        width: 36,
        height: 30,
        press: (view) => view.set({ [blocks]: view.state[blocks] + change }),
      });
    }
  });
  return list;
}

/** The button that builds the network, and what has been measured. */
function panel(view) {
  const fields = () => Object.fromEntries(Object.keys(QUICKNET).map((key) => [key, view.state[key]]));
  const ask = el("button", { type: "button", class: "measure", click: () => view.ask({ measure: fields() }) }, "Measure this design");
  const doing = el("span", { role: "status" });
  const table = el("table", {}, el("caption", {}, "measured designs"));
  const body = el("tbody");
  const head = ["blocks \u00d7 filters", "image", "shortcuts", "estimated", "measured", "file"];
  table.append(el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))), body);
  const element = el("div", { class: "designs" }, el("style", {}, STYLE), el("p", {}, ask, doing), table);
  let shown = null;
  ask.style.display = view.python ? "" : "none";
  return {
    element,
    update({ state }) {
      if (doing.textContent !== state.doing) doing.textContent = state.doing;
      ask.disabled = state.doing.endsWith("...");
      table.style.display = state.measured.length ? "" : "none";
      if (shown === state.measured) return;
      shown = state.measured;
      body.replaceChildren(...shown.map((row) => el("tr", {}, ...cellsOf(row).map((text) => el("td", {}, text)))));
    },
  };
}

function cellsOf(row) {
  const list = (name) => SECTIONS.map((i) => row[`${name}_${i}`]).join("-");
  const off = row.estimate / row.ms - 1;
  return [
    `${list("blocks")} \u00d7 ${list("filters")}`,
    row.image,
    row.shortcuts,
    `${row.estimate.toFixed(2)} ms (${off < 0 ? "\u2212" : "+"}${Math.abs(100 * off).toFixed(0)} %)`,
    `${row.ms.toFixed(2)} ms`,
    `${(row.bytes / 1e6).toFixed(2)} MB`,
  ];
}

const STYLE = `
.designs { overflow-x: auto; font-size: 14px; }
.designs p { margin: 6px 2px; display: flex; gap: 14px; align-items: center; flex-wrap: wrap; }
.designs .measure { font: inherit; padding: 6px 14px; border-radius: 8px; border: 1px solid var(--line);
  background: var(--panel); color: var(--ink); cursor: pointer; }
.designs .measure:disabled { color: var(--soft); cursor: default; }
.designs table { border-spacing: 14px 2px; text-align: left; }
.designs caption { text-align: left; padding-left: 14px; color: var(--soft); }
.designs th { color: var(--soft); font-weight: 600; }
`;

function describe({ state, data }) {
  const share = data.layers.filter(({ part }) => part === BINARY).reduce((sum, { ms }) => sum + ms, 0) / data.ms;
  const macs = `${String(Math.round(data.macs / 1e6)).replace(/\B(?=(\d{3})+$)/g, ",")} million MACs, ${Math.round((100 * data.binaryMacs) / data.macs)} % of them binary`;
  return (
    `About ${data.ms.toFixed(2)} ms, ${Math.round(100 * share)} % of it in binary convolutions; QuickNet takes ` +
    `${data.ghostMs.toFixed(2)} ms. ${macs}; ${(data.bytes / 1e6).toFixed(2)} MB. ${state.costs.origin}`
  );
}

export default explorable({ schema, height, compute, layout, draw, handles, panel, describe });
