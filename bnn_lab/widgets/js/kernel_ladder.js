// One convolution done in ever wider instructions: a dot for each way, whose place is the best of its
// rounds. Press a row, and all others are compared with it.

import schema from "./kernel_ladder.json" with { type: "json" };
import { el } from "./core/dom.js";
import { explorable } from "./core/explorable.js";
import { scale } from "./core/marks.js";
import { fits, measureHere } from "./core/measure_here.js";
import { allRuns, isBinary } from "./core/runs.js";
import { drawTabs, placeTabs, tabHandles } from "./core/tabs.js";
import { fade } from "./core/theme.js";
import { at, grouped, seconds, times } from "./core/words.js";

const [SPEED] = schema.fields.quantity.options;
const [LOG] = schema.fields.scale.options;
const EASE = 90; // milliseconds

export function compute(state) {
  const runs = allRuns(state.own, state.browser);
  const run = at(runs, state.machine);
  const layer = at(run.layers, state.layer);
  const rows = layer.rows.map(([name, best, median]) => ({
    name,
    best,
    median,
    binary: isBinary(name),
    ceiling: layer.ceilings[name.replace("bnn_lab ", "")] ?? null,
  }));
  const reference = at(rows, state.against);
  for (const row of rows) row.factor = reference.best / row.best;
  return { runs, run, layer, rows, reference };
}

/** Seconds of a row as what the axis shows. */
const valueOf = (state, layer, time) => (state.quantity === SPEED ? layer.macs / time / 1e9 : time * 1e3);

function place(state, width) {
  const { runs, run, rows } = compute(state);
  const [left, right] = [12, width - 12];
  const names = runs.map(({ machine }) => machine);
  const machines = placeTabs(runs.length > 1 ? names : [], left, right, 10);
  const layers = placeTabs(run.layers.map(({ name }) => name), left, right, machines.bottom + (runs.length > 1 ? 8 : 0));
  const narrow = width < 560;
  const high = narrow ? 50 : 38;
  const top = layers.bottom + 44;
  return { left, right, machines, layers, narrow, high, top, bottom: top + high * rows.length };
}

function height(width, state) {
  return place(state, width).bottom + 66;
}

function layout({ state, data, width }) {
  const l = place(state, width);
  const { layer, rows } = data;
  const from = l.narrow ? l.left + 8 : l.left + 190;
  const to = l.right - (l.narrow ? 116 : 150);
  const ends = rows.flatMap(({ best, median }) => [best, median].map((time) => valueOf(state, layer, time)));
  const ceilings = rows.filter(({ ceiling }) => ceiling).map(({ ceiling }) => valueOf(state, layer, layer.macs / ceiling / 1e9));
  const [low, high] = [Math.min(...ends, ...ceilings), Math.max(...ends, ...ceilings)];
  const log = state.scale === LOG;
  const line = log ? scale([Math.log10(low / 1.5), Math.log10(high * 1.25)], [from, to]) : scale([0, high * 1.05], [from, to]);
  const x = (value) => line(log ? Math.log10(value) : value);
  const y = (i) => l.top + (i + 0.5) * l.high + (l.narrow ? 9 : 0);
  return { ...l, from, to, x, y, ticks: ticksOf(low / 1.5, high * 1.25, log, l.narrow) };
}

function ticksOf(low, high, log, narrow) {
  const found = [];
  if (log) {
    for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high; power++) found.push(10 ** power);
    return found;
  }
  const rough = high / (narrow ? 3 : 6);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough);
  for (let k = 0; k * step <= high / 1.19; k++) found.push(k * step);
  return found;
}

const label = (value) => (value >= 1 || value === 0 ? grouped(value, 0) : String(Number(value.toPrecision(2))));

function draw(pen, scene) {
  const { state, data, colours: c, layout: l, hovered } = scene;
  drawTabs(pen, l.machines, data.runs.indexOf(data.run), c);
  drawTabs(pen, l.layers, data.run.layers.indexOf(data.layer), c);
  const title = `${data.run.machine}, one thread: ${grouped(data.layer.macs / 1e6, 1)} million MACs`;
  pen.text(title, l.left, l.top - 14, { fill: c.ink, size: l.narrow ? 13 : 15, weight: 600 });
  for (const value of l.ticks) {
    const x = l.x(value);
    pen.line(x, l.top, x, l.bottom, { stroke: c.grid });
    pen.text(label(value), x, l.bottom + 16, { fill: c.soft, size: 12, align: "center" });
  }
  const unit = state.quantity === SPEED ? "GMAC/s" : "ms";
  pen.text(`${unit}${state.scale === LOG ? ", each line ten times the one before" : ""}`, l.from, l.bottom + 33, { fill: c.soft, size: 12 });
  const moving = data.rows.map((row, i) => drawRow(pen, scene, row, i, hovered === `row${i}`)).some(Boolean);
  drawLegend(pen, scene);
  return moving;
}

function drawRow(pen, { state, data, colours: c, layout: l, local, still, now }, row, i, lit) {
  const y = l.y(i);
  const chosen = row === data.reference;
  if (chosen || lit) {
    pen.rect(l.left - 6, l.top + i * l.high + 2, l.right - l.left + 12, l.high - 4, { fill: fade(c.accent, chosen ? 0.12 : 0.06) }, 8);
  }
  const name = { fill: c.ink, size: 13, weight: chosen ? 700 : 400 };
  if (l.narrow) pen.text(row.name, l.left, y - 14, name);
  else pen.text(row.name, l.from - 14, y, { ...name, align: "right", base: "middle" });
  pen.line(l.from, y, l.to, y, { stroke: c.faint, dash: [1, 4] });
  const colour = row.binary ? c.plus : c.minus;
  const goal = l.x(valueOf(state, data.layer, row.best));
  const key = `${row.name} ${i}`;
  const from = local.at[key];
  const x = still || from === undefined ? goal : from + (goal - from) * (1 - Math.exp(-Math.min(now - local.now[key], 60) / EASE));
  local.at[key] = Math.abs(goal - x) < 0.3 ? goal : x;
  local.now[key] = now;
  if (row.ceiling) {
    const limit = l.x(valueOf(state, data.layer, data.layer.macs / row.ceiling / 1e9));
    pen.line(limit, y - 11, limit, y + 11, { stroke: c.formula, width: 3 });
  }
  pen.line(x, y, x + l.x(valueOf(state, data.layer, row.median)) - goal, y, { stroke: colour, width: 2 });
  if (row.binary) pen.circle(x, y, 7, { fill: colour });
  else pen.rect(x - 6.5, y - 6.5, 13, 13, { fill: colour }, 2);
  const speed = data.layer.macs / row.best / 1e9;
  const value = state.quantity === SPEED ? grouped(speed) : seconds(row.best);
  const right = { base: "middle", size: l.narrow ? 13 : 14 };
  pen.text(value, l.to + (l.narrow ? 56 : 78), y, { ...right, fill: c.ink, weight: 700, align: "right" });
  pen.text(chosen ? "= 1" : factor(row.factor), l.right, y, { ...right, fill: chosen ? c.accent : c.soft, align: "right" });
  return local.at[key] !== goal;
}

const factor = (value) => (value >= 0.995 ? `\u00d7 ${times(value)}` : `\u00d7 1/${times(1 / value)}`);

function drawLegend(pen, { data, colours: c, layout: l }) {
  const y = l.bottom + 54;
  let x = l.left + 6;
  const entry = (text, mark) => {
    mark();
    pen.text(text, x + 12, y, { fill: c.soft, size: 12, base: "middle" });
    x += 26 + pen.measure(text, { size: 12 });
  };
  entry("binary", () => pen.circle(x, y, 5, { fill: c.plus }));
  entry("floats or int8", () => pen.rect(x - 5, y - 5, 10, 10, { fill: c.minus }, 2));
  if (data.rows.some(({ ceiling }) => ceiling)) {
    entry(l.narrow ? "ceiling" : "ceiling of the instructions", () => pen.line(x, y - 6, x, y + 6, { stroke: c.formula, width: 3 }));
  }
}

function handles({ state, data, layout: l }) {
  const rows = data.rows.map((row, i) => ({
    id: `row${i}`,
    kind: "button",
    label: `compare with ${row.name}, ${seconds(row.best)}`,
    help: `${row.name}: best round ${seconds(row.best)}, median ${seconds(row.median)}. Press to compare all with it.`,
    x: l.left - 6,
    y: l.top + i * l.high + 2,
    width: l.right - l.left + 12,
    height: l.high - 4,
    pressed: row === data.reference,
    press: (view) => view.set({ against: i }),
  }));
  return [
    ...tabHandles(l.machines, "machine", "machine", data.runs.indexOf(data.run), (view, machine) => view.set({ machine, against: 0 })),
    ...tabHandles(l.layers, "layer", "layer", data.run.layers.indexOf(data.layer), (view, layer) => view.set({ layer })),
    ...rows,
  ];
}

/** The button that measures the page's own kernels. */
function panel(view) {
  const press = async () => {
    const [run] = compute(view.state).runs.filter(({ layers }) => layers.some(fits));
    ask.disabled = true;
    try {
      const browser = await measureHere(run.layers, (share) => (doing.textContent = `measuring: ${Math.round(100 * share)} %`));
      const known = allRuns(view.state.own, browser);
      view.set({ browser, machine: known.indexOf(browser), layer: 0, against: 0 });
      doing.textContent = "";
    } catch (error) {
      doing.textContent = `This browser could not be measured: ${error.message}`;
    }
    ask.disabled = false;
  };
  const ask = el("button", { type: "button", class: "measure", click: press }, "Measure this browser");
  const doing = el("span", { role: "status" });
  const element = el("div", { class: "ladder" }, el("style", {}, STYLE), el("p", {}, ask, doing));
  return { element, update() {} };
}

const STYLE = `
.ladder p { margin: 6px 2px; display: flex; gap: 14px; align-items: center; flex-wrap: wrap; font-size: 14px; }
.ladder .measure { font: inherit; padding: 6px 14px; border-radius: 8px; border: 1px solid var(--line);
  background: var(--panel); color: var(--ink); cursor: pointer; }
.ladder .measure:disabled { color: var(--soft); cursor: default; }
`;

function describe({ data }) {
  const { run, layer, rows, reference } = data;
  const parts = rows.map((row) => {
    const speed = `${row.name} ${seconds(row.best)}`;
    if (row === reference) return speed;
    return `${speed} (${row.factor >= 1 ? `${times(row.factor)} times as fast` : `${times(1 / row.factor)} times slower`})`;
  });
  return `${layer.name} on ${run.machine}, compared with ${reference.name}: ${parts.join(", ")}.`;
}

export default explorable({
  schema, height, compute, layout, draw, handles, panel, describe, local: () => ({ at: {}, now: {} }),
});
