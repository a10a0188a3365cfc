// Two rows of switches: activations and weights, each +1 or -1. Where they differ the product is -1,
// and so is the XOR of their bits 1. Counting those ones is all that a binary dot product does.

import schema from "./switches.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { axisX, scale } from "./core/marks.js";
import { popcount, signed } from "./core/bits.js";
import { fade, mix } from "./core/theme.js";

const EASE = 180; // milliseconds in which the marker covers most of its way
const ROWS = ["a", "w"];
const NAMES = { a: "activations a", w: "weights w" };

/** The words within the row, their XOR, its popcount and the dot product. */
export function compute({ length, a, w }) {
  const mask = length === 32 ? 0xffffffff : 2 ** length - 1;
  const [first, second] = [(a & mask) >>> 0, (w & mask) >>> 0];
  const xor = (first ^ second) >>> 0;
  const differ = popcount(xor);
  return { a: first, w: second, xor, differ, dot: length - 2 * differ };
}

const bitOf = (word, i) => (word >>> i) & 1;

const LINE = { title: 22, least: 36, most: 62, gap: 14 };
const LEAST_CELL = 27; // pixels of a switch and its gap

/** Columns into which a row of switches breaks. */
function columnsFor(length, inner) {
  const lines = Math.ceil((length * LEAST_CELL) / inner);
  return Math.ceil(length / lines);
}

/** Pixels that the switches of a row have, enough for 32 of them. */
function roomFor(inner) {
  return Math.max(LINE.most, Math.ceil(32 / columnsFor(32, inner)) * LINE.least);
}

const innerOf = (width) => Math.min(width, 900) - 20;

function height(width) {
  return 3 * (LINE.title + roomFor(innerOf(width)) + LINE.gap) + 158;
}

function layout(scene) {
  const { state, width, narrow } = scene;
  const inner = innerOf(width);
  const left = (width - inner) / 2;
  const columns = columnsFor(state.length, inner);
  const lines = Math.ceil(state.length / columns);
  const cell = Math.min(inner / columns, 72);
  const room = roomFor(inner);
  const line = Math.min(room / lines, LINE.most);
  const start = left + (inner - cell * columns) / 2;
  const high = LINE.title + room + LINE.gap;
  const tops = { a: 4, w: 4 + high, xor: 4 + 2 * high };
  const place = (row, i) => [
    start + ((i % columns) + 0.5) * cell,
    tops[row] + LINE.title + (room - line * lines) / 2 + (Math.floor(i / columns) + 0.5) * line,
  ];
  const sums = tops.xor + high + 4;
  const axis = sums + 92;
  const x = scale([-state.length, state.length], [left + 14, left + inner - 14]);
  const end = start + cell * columns;
  return { left, inner, cell, tile: line - 4, tops, place, sums, axis, x, start, end, narrow };
}

function draw(pen, scene) {
  for (const row of ROWS) drawSigns(pen, scene, row);
  drawXor(pen, scene);
  drawSum(pen, scene);
  return drawAxis(pen, scene);
}

function drawSigns(pen, { state, data, colours: c, layout: l, hovered }, row) {
  const word = data[row];
  pen.text(NAMES[row], l.start + 2, l.tops[row] + 15, { fill: c.soft, size: 13, weight: 600 });
  pen.text(hexOf(word, state.length), l.end - 2, l.tops[row] + 15, {
    fill: c.soft, size: 12, align: "right", mono: true,
  });
  for (let i = 0; i < state.length; i++) {
    const bit = bitOf(word, i);
    const [x, y] = l.place(row, i);
    const [w, h] = [l.cell - 4, l.tile];
    const lit = hovered === `${row}${i}`;
    const colour = bit ? c.minus : c.plus;
    pen.rect(x - w / 2, y - h / 2, w, h, {
      fill: bit ? fade(c.minus, lit ? 0.32 : 0.2) : fade(c.plus, lit ? 0.32 : 0.2),
      stroke: colour,
      width: lit ? 2 : 1.2,
    }, 7);
    // The lever lies up for +1, down for -1.
    const lever = h * 0.2;
    pen.rect(x - w * 0.36, bit ? y + h / 2 - lever - 2 : y - h / 2 + 2, w * 0.72, lever, {
      fill: colour,
    }, lever / 2);
    const text = state.as_bits ? String(bit) : bit ? "\u22121" : "+1";
    pen.text(text, x, y + (bit ? -lever / 2 : lever / 2) + 1, {
      fill: mix(colour, c.ink, 0.35), size: Math.min(18, w * 0.46), weight: 700, align: "center", base: "middle",
    });
  }
}

function drawXor(pen, { state, data, colours: c, layout: l }) {
  const title = state.as_bits ? "XOR: 1 where the bits differ" : "products a \u00b7 w: \u22121 where the signs differ";
  pen.text(title, l.start + 2, l.tops.xor + 15, { fill: c.soft, size: 13, weight: 600 });
  for (let i = 0; i < state.length; i++) {
    const bit = bitOf(data.xor, i);
    const [x, y] = l.place("xor", i);
    const r = Math.min(l.tile, l.cell - 4) / 2 - 1;
    pen.circle(x, y, r, {
      fill: bit ? c.kick : c.panel, stroke: bit ? c.kick : c.faint, width: 1.2,
    });
    const text = state.as_bits ? String(bit) : bit ? "\u22121" : "+1";
    pen.text(text, x, y + 1, {
      fill: bit ? "#ffffff" : c.soft, size: Math.min(14, r * 0.9), weight: bit ? 700 : 400,
      align: "center", base: "middle",
    });
  }
}

/** K - 2 p = the sum, each number in the colour of what it counts. */
function drawSum(pen, { state, data, colours: c, layout: l, width }) {
  const size = l.narrow ? 19 : 24;
  const parts = [
    [`${state.length}`, c.ink],
    ["\u2212 2 \u00b7", c.soft],
    [`${data.differ}`, c.kick],
    ["=", c.soft],
    [signed(data.dot), data.dot < 0 ? c.minus : data.dot > 0 ? c.plus : c.ink],
  ];
  const style = { size, weight: 700 };
  const widths = parts.map(([text]) => pen.measure(text, style));
  const gap = l.narrow ? 20 : 30; // room for the notes below
  let x = width / 2 - (widths.reduce((sum, w) => sum + w, 0) + 4 * gap) / 2;
  const y = l.sums + 22;
  const notes = { 0: "K", 2: "popcount", 4: "dot product" };
  parts.forEach(([text, fill], i) => {
    pen.text(text, x, y, { ...style, fill });
    if (i in notes) {
      pen.text(notes[i], x + widths[i] / 2, y + 18, { fill: c.soft, size: 12, align: "center" });
    }
    x += widths[i] + gap;
  });
}

/** Where the dot product lies between -K and K; a click moves it by 2. */
function drawAxis(pen, { state, data, colours: c, layout: l, local, still, now }) {
  const y = l.axis;
  pen.rect(l.x(-state.length), y - 4, l.x(0) - l.x(-state.length), 8, { fill: c.minusTint });
  pen.rect(l.x(0), y - 4, l.x(state.length) - l.x(0), 8, { fill: c.plusTint });
  for (let value = -state.length; value <= state.length; value += 2) {
    pen.line(l.x(value), y - 5, l.x(value), y + 5, { stroke: c.faint });
  }
  axisX(pen, l.x, y + 8, c, { count: l.narrow ? 4 : 8, format: signed });
  const goal = data.dot;
  if (still || local.at === undefined || local.length !== state.length) local.at = goal;
  else local.at += (goal - local.at) * (1 - Math.exp(-Math.min(now - (local.now ?? now), 60) / EASE));
  Object.assign(local, { now, length: state.length });
  const moving = Math.abs(goal - local.at) > 0.01;
  if (!moving) local.at = goal;
  const colour = goal < 0 ? c.minus : goal > 0 ? c.plus : c.soft;
  const x = l.x(local.at);
  pen.line(l.x(0), y, x, y, { stroke: colour, width: 6, alpha: 0.75 });
  pen.circle(x, y, 10, { fill: colour, stroke: c.paper, width: 2.5 });
  return moving;
}

function hexOf(word, length) {
  return `0x${word.toString(16).padStart(Math.ceil(length / 4), "0")}`;
}

function handles({ state, data, layout: l }) {
  const list = [];
  for (const row of ROWS) {
    for (let i = 0; i < state.length; i++) {
      const [x, y] = l.place(row, i);
      const [w, h] = [l.cell - 2, l.tile + 2];
      const bit = bitOf(data[row], i);
      list.push({
        id: `${row}${i}`,
        kind: "switch",
        label: `${NAMES[row]}, number ${i}: ${bit ? "\u22121" : "+1"}`,
        x: x - w / 2,
        y: y - h / 2,
        width: w,
        height: h,
        pressed: !bit,
        press: (view) => view.set({ [row]: (view.state[row] ^ (1 << i)) >>> 0 }),
      });
    }
  }
  return list;
}

function describe({ state, data }) {
  const { length } = state;
  const same = length - data.differ;
  return (
    `${same} of ${length} products are +1 and ${data.differ} are \u22121: ` +
    `${same} \u2212 ${data.differ} = ${length} \u2212 2 \u00b7 ${data.differ} = ${signed(data.dot)}. ` +
    "Press a switch: the dot product moves by 2, never by 1."
  );
}

export default explorable({ schema, height, compute, layout, draw, handles, describe, local: () => ({}) });
