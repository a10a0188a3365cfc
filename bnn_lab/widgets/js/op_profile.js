// Where the time of an inference goes: one strip of all ops, and a bar for each op or kind. Press a
// bar, and its op lights up in the strip.

import schema from "./op_profile.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { scale, ticks } from "./core/marks.js";
import { drawTabs, placeTabs, tabHandles } from "./core/tabs.js";
import { fade, mix } from "./core/theme.js";
import { at, seconds } from "./core/words.js";
import recorded from "./recorded/profiles.json" with { type: "json" };

const [BY_OP] = schema.fields.grouping.options;
const HIGH = 22;
const STRIP = 26;

/** Bars of a file: {label, ms, binary, detail}; two and more below `least` percent are joined. */
export function barsOf({ rows }, grouping, least) {
  const total = rows.reduce((sum, [, , ms]) => sum + ms, 0) || 1;
  let bars;
  if (grouping === BY_OP) {
    bars = rows.map(([kind, shape, ms, binary, gmacs], i) => ({
      label: `${i + 1}. ${kind}`,
      ms,
      binary,
      detail: `${shape}${gmacs === null ? "" : `, ${gmacs.toPrecision(3)} GMAC/s`}`,
      rows: [i],
    }));
  } else {
    const kinds = new Map();
    rows.forEach(([kind, , ms, binary], i) => {
      const bar = kinds.get(kind) ?? { label: kind, ms: 0, binary, rows: [] };
      bar.ms += ms;
      bar.rows.push(i);
      kinds.set(kind, bar);
    });
    bars = [...kinds.values()].sort((a, b) => b.ms - a.ms);
    for (const bar of bars) bar.detail = `${bar.rows.length} of them`;
  }
  const small = bars.filter(({ ms }) => ms / total < least / 100);
  if (small.length >= 2) {
    const ms = small.reduce((sum, bar) => sum + bar.ms, 0);
    bars = bars.filter((bar) => !small.includes(bar));
    const joined = small.flatMap((bar) => bar.rows);
    bars.push({ label: "the rest", ms, binary: null, detail: `${small.length} small ones, binary or not`, rows: joined });
  }
  for (const bar of bars) bar.share = bar.ms / total;
  return bars;
}

export function compute(state) {
  const files = state.files ?? recorded;
  const file = at(files, state.file);
  const bars = barsOf(file, state.grouping, state.least);
  const all = state.same_scale ? files.map((one) => barsOf(one, state.grouping, state.least)) : [bars];
  const longest = Math.max(0, ...all.flat().map(({ ms }) => ms)) || 1;
  const sum = file.rows.reduce((total, [, , ms]) => total + ms, 0) || 1;
  const sums = files.map(({ rows }) => rows.reduce((total, [, , ms]) => total + ms, 0));
  const binary = file.rows.reduce((total, [, , ms, ours]) => total + (ours ? ms : 0), 0) / sum;
  return { files, file, bars, longest, sum, most: state.same_scale ? Math.max(...sums) || 1 : sum, binary };
}

const placed = (state, width) => placeTabs((state.files ?? recorded).map(({ name }) => name), 12, width - 12, 10);

function height(width, state) {
  return placed(state, width).bottom + 126 + HIGH * compute(state).bars.length + 48;
}

function layout({ state, data, width, narrow }) {
  const tabs = placed(state, width);
  const [left, right] = [12, width - 12];
  const strip = tabs.bottom + 46;
  const top = strip + STRIP + 40;
  const names = narrow ? 150 : 232;
  const x = scale([0, data.longest], [left + names, right - 48]);
  return { tabs, left, right, strip, top, names, x, bottom: top + HIGH * data.bars.length };
}

const colourOf = ({ binary }, c) => (binary === null ? c.soft : binary ? c.plus : c.minus);

function draw(pen, scene) {
  const { data, colours: c, layout: l, narrow } = scene;
  drawTabs(pen, l.tabs, data.files.indexOf(data.file), c);
  const title = `${seconds(data.file.ms / 1e3)} for one inference`;
  pen.text(title, l.left, l.strip - 12, { fill: c.ink, size: narrow ? 15 : 18, weight: 700 });
  const lit = chosenOf(scene);
  drawStrip(pen, scene, lit);
  if (lit) {
    const text = `${lit.label}: ${seconds(lit.ms / 1e3)}, ${percent(lit.share)}${narrow ? "" : `; ${lit.detail}`}`;
    pen.text(text, l.left, l.strip + STRIP + 18, { fill: c.ink, size: 12.5 });
  } else drawLegend(pen, scene);
  data.bars.forEach((bar, i) => drawBar(pen, scene, bar, l.top + i * HIGH, bar === lit));
  const [unit, size] = data.longest >= 1 ? ["ms", 1] : ["\u00b5s", 1e-3];
  for (const value of ticks(0, data.longest / size, narrow ? 3 : 6)) {
    const x = l.x(value * size);
    pen.line(x, l.top, x, l.bottom + 4, { stroke: fade(c.ink, 0.1) });
    pen.text(String(value), x, l.bottom + 18, { fill: c.soft, size: 12, align: "center" });
  }
  pen.text(`time, ${unit}`, l.right - 48, l.bottom + 36, { fill: c.soft, size: 12, align: "right" });
}

/** The bar under the pointer, with the focus, or pressed. */
function chosenOf({ data, local, hovered }) {
  const id = hovered?.startsWith("bar") ? hovered : local.chosen;
  return id ? (data.bars[Number(id.slice(3))] ?? null) : null;
}

/** All ops, as wide as their time, in the order in which they run. */
function drawStrip(pen, { data, colours: c, layout: l }, lit) {
  const x = scale([0, data.most], [l.left, l.right]);
  let time = 0;
  data.file.rows.forEach(([, , ms, binary], i) => {
    const [from, to] = [x(time), x(time + ms)];
    time += ms;
    const on = lit?.rows.includes(i);
    const colour = binary ? c.plus : c.minus;
    const gap = to - from > 4 ? 1 : 0;
    pen.rect(from, l.strip, Math.max(to - from - gap, 0.5), STRIP, {
      fill: on ? mix(colour, c.ink, 0.25) : colour, alpha: lit && !on ? 0.3 : 1,
    });
  });
}

function drawLegend(pen, { colours: c, layout: l, data, narrow }) {
  const y = l.strip + STRIP + 14;
  const rest = data.bars.some(({ binary }) => binary === null) ? [["joined", c.soft]] : [];
  let x = l.left;
  const ours = narrow ? "binary" : "binary, on bnn_lab's kernels";
  const theirs = narrow ? "others" : "others, on LiteRT's";
  for (const [text, fill] of [[ours, c.plus], [theirs, c.minus], ...rest]) {
    pen.rect(x, y - 5, 10, 10, { fill }, 2);
    pen.text(text, x + 15, y, { fill: c.soft, size: 12, base: "middle" });
    x += 33 + pen.measure(text, { size: 12 });
  }
}

function drawBar(pen, { colours: c, layout: l, data, narrow }, bar, y, lit) {
  const middle = y + HIGH / 2;
  if (lit) pen.rect(l.left - 6, y + 1, l.right - l.left + 12, HIGH - 2, { fill: fade(c.accent, 0.1) }, 6);
  const most = narrow ? 21 : 34;
  const text = bar.label.length > most ? `${bar.label.slice(0, most - 1)}\u2026` : bar.label;
  pen.text(text, l.left + l.names - 10, middle, { fill: c.ink, size: 12.5, align: "right", base: "middle" });
  const wide = Math.max(l.x(bar.ms) - l.x(0), 1);
  pen.rect(l.x(0), y + 4, wide, HIGH - 8, { fill: colourOf(bar, c) }, 2);
  pen.text(percent(bar.share), l.x(0) + wide + 6, middle, { fill: c.soft, size: 12, base: "middle" });
}

const percent = (share) => `${(100 * share).toFixed(share < 0.095 && share >= 0.0005 ? 1 : 0)}%`;

function handles({ data, layout: l, local }) {
  const bars = data.bars.map((bar, i) => ({
    id: `bar${i}`,
    kind: "button",
    label: `${bar.label}, ${percent(bar.share)}, ${seconds(bar.ms / 1e3)}, ${bar.detail}`,
    x: l.left - 6,
    y: l.top + i * HIGH + 1,
    width: l.right - l.left + 12,
    height: HIGH - 2,
    pressed: local.chosen === `bar${i}`,
    press: (view) => {
      view.local.chosen = view.local.chosen === `bar${i}` ? null : `bar${i}`;
    },
  }));
  const file = data.files.indexOf(data.file);
  return [...tabHandles(l.tabs, "file", "file", file, (view, i) => view.set({ file: i })), ...bars];
}

function changed(view, names) {
  if (names.some((name) => name !== "same_scale")) view.local.chosen = null;
}

function describe({ data }) {
  const { file, bars, binary } = data;
  const longest = bars.reduce((best, bar) => (best && best.ms >= bar.ms ? best : bar), null);
  const kinds = barsOf(file, "", 0).filter(({ share }) => share >= 0.01);
  const all = kinds.map(({ label, share }) => `${label} ${percent(share)}`).join(", ");
  return (
    `${file.name}: ${seconds(file.ms / 1e3)} for one inference, in ${file.rows.length} ops. Binary ops take ` +
    percent(binary) +
    (longest ? `; the longest bar is ${longest.label} with ${percent(longest.share)}. By kind: ${all}.` : ".") +
    (file.warning ? ` Disturbed: ${file.warning}.` : "")
  );
}

export default explorable({ schema, height, compute, layout, draw, handles, changed, describe, local: () => ({ chosen: null }) });
