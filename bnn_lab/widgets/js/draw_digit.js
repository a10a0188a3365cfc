// Draw a digit: a trained binarized network answers at every stroke. Its bits light up layer by
// layer, a click flips a weight, and the same network in float32 runs beside it, both timed here.

import schema from "./draw_digit.json" with { type: "json" };
import packed from "./nets/drawn_digits.json" with { type: "json" };
import examples from "./nets/strokes.json" with { type: "json" };
import { BINARY, DigitNet, softmax, TAPS } from "./core/digit_net.js";
import { explorable } from "./core/explorable.js";
import { arrow } from "./core/marks.js";
import { same } from "./core/state.js";
import { greyOf, levelsOf, PAPER } from "./core/strokes.js";
import { fade, mix } from "./core/theme.js";

const SIDE = 14;
const NUDGE = 10; // units of the paper that an arrow key moves the pen
const WAVE = 90; // milliseconds from layer to layer
const GLOW = 700; // milliseconds that a bit glows after it has changed
const ROUNDS = 16; // of the stopwatches
const TITLES = ["conv 1", ...BINARY];

// What a view remembers of time, by its `local`; no reader sets it.
const memories = new WeakMap();

function memoryOf(local) {
  if (!memories.has(local)) memories.set(local, { seen: null, since: null, until: 0 });
  return memories.get(local);
}

let times = null; // of both twins on this device: {binary, float, kernel}, milliseconds
let shared = null;

/** One network for all pictures of the page. */
export function network() {
  shared ??= new DigitNet(packed);
  return shared;
}

export function compute({ strokes, flips }) {
  const net = network();
  const points = (stroke) => Array.isArray(stroke) && stroke.length % 2 === 0 && stroke.every(Number.isFinite);
  const lines = strokes.filter(points);
  const levels = levelsOf(greyOf(lines));
  const run = (weights) => {
    net.use(weights);
    net.look(levels);
    const logits = net.run();
    return { logits, maps: net.maps(), shares: softmax(logits) };
  };
  const now = run(flips);
  const before = flips.length ? run([]) : now;
  const changed = now.maps.map((bits, i) => count(bits, (bit, k) => bit !== before.maps[i][k]));
  const answer = ({ shares }) => shares.indexOf(Math.max(...shares));
  return { lines, levels, ...now, before, changed, answer: answer(now), was: answer(before) };
}

function count(values, is) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (is(values[i], i)) sum++;
  return sum;
}

const tileOf = (width) => (width < 560 ? Math.min((width - 36) / 3, 118) : Math.min((width - 60) / 9, 92));

function height(width) {
  const l = boxes(width);
  return Math.ceil(l.end);
}

/** Where things are, by the width alone. */
function boxes(width) {
  const narrow = width < 560;
  const tile = tileOf(width);
  if (narrow) {
    const pad = Math.min(width - 130, 270);
    const side = (width - 20 - 3 * 8) / 4;
    const layers = pad + 104;
    const race = layers + side + 46;
    const weights = race + 134;
    return {
      narrow, tile, side,
      pad: [10, 24, pad],
      bars: [10 + pad + 14, 24, width - pad - 34, pad],
      columns: [0, 1, 2, 3].map((i) => [10 + i * (side + 8), layers]),
      race: [10, race, width - 20],
      weights: [(width - 3 * tile - 12) / 2, weights],
      notes: [10, weights + 3 * tile + 34, width - 20],
      end: weights + 3 * tile + 100,
    };
  }
  const pad = Math.min(Math.max(width * 0.22, 150), 250);
  const bars = Math.min(Math.max(width * 0.1, 84), 120);
  const gap = Math.max(10, width * 0.014);
  const side = (width - 20 - pad - bars - 26 - 4 * gap) / 4;
  const left = 10 + pad + 26;
  const weights = pad + 108;
  const right = width - 10 - 3 * tile - 12;
  return {
    narrow, tile, side,
    pad: [10, 30, pad],
    bars: [width - 10 - bars, 30, bars, pad],
    columns: [0, 1, 2, 3].map((i) => [left + i * (side + gap), 30 + (pad - side) / 2]),
    race: [10, weights, right - 50],
    weights: [right, weights],
    notes: [10, weights + 150, right - 50],
    end: weights + 3 * tile + 16,
  };
}

function layout({ width, state }) {
  const l = boxes(width);
  const layer = BINARY.indexOf(state.layer);
  const net = network();
  const across = 8;
  const channels = net.inputs(layer);
  return {
    ...l,
    layer,
    filter: Math.min(state.filter, net.outputs(layer) - 1),
    across,
    down: channels / across,
    channels,
    cell: l.tile / across,
    tiles: Array.from({ length: TAPS }, (_, tap) => [
      l.weights[0] + (tap % 3) * (l.tile + 6),
      l.weights[1] + Math.floor(tap / 3) * (l.tile + 6),
    ]),
  };
}

function draw(pen, scene) {
  const glowing = follow(scene);
  drawPaper(pen, scene);
  drawLayers(pen, scene);
  drawAnswers(pen, scene);
  drawRace(pen, scene);
  drawWeights(pen, scene);
  drawNotes(pen, scene);
  return glowing;
}

/** Remembers when each bit changed; whether any still glows. */
function follow({ local, data, now, still }) {
  const memory = memoryOf(local);
  if (still) {
    memory.seen = null;
    return false;
  }
  if (memory.seen !== data.maps) {
    const old = memory.seen;
    memory.since ??= data.maps.map((bits) => new Float64Array(bits.length).fill(-1e9));
    data.maps.forEach((bits, layer) => {
      const since = memory.since[layer];
      for (let i = 0; i < bits.length; i++) {
        if (!old || bits[i] !== old[layer][i]) since[i] = now + layer * WAVE;
      }
    });
    memory.seen = data.maps;
    memory.until = now + 3 * WAVE + GLOW;
  }
  return now < memory.until;
}

function drawPaper(pen, scene) {
  const { data, colours: c, local, state, layout: l, narrow } = scene;
  const [x, y, side] = l.pad;
  heading(pen, "draw here", x, y - 9, c);
  pen.rect(x, y, side, side, { fill: c.dark ? "#0b0d10" : "#fffdf8", stroke: c.faint, width: 1.5 }, 8);
  const unit = side / PAPER;
  const ink = { stroke: c.ink, width: 17 * unit, cap: "round" };
  for (const stroke of data.lines) {
    const points = stroke.map((value, i) => (i % 2 ? y : x) + value * unit);
    if (points.length === 2) points.push(points[0] + 0.1, points[1]);
    pen.path(points, ink);
  }
  if (!data.lines.length) {
    pen.text("a digit, 0 to 9", x + side / 2, y + side / 2, {
      fill: c.soft, size: 15, align: "center", base: "middle",
    });
  }
  if (local.keys) {
    const [px, py] = [x + local.at[0] * unit, y + local.at[1] * unit];
    pen.circle(px, py, 9, { stroke: c.accent, width: 2.5, fill: local.down ? c.accent : undefined });
  }
  for (const [label, bx, by, wide] of buttonsOf(l)) {
    const off = label === "undo" && !state.strokes.length;
    pen.rect(bx, by, wide, 30, { fill: c.panel, stroke: c.faint, width: 1 }, 7);
    pen.text(label, bx + wide / 2, by + 15.5, {
      fill: off ? c.soft : c.ink, size: Math.min(13.5, wide * 0.2), align: "center", base: "middle",
    });
  }
}

function buttonsOf({ pad: [x, y, side] }) {
  const wide = (side - 12) / 3;
  return ["undo", "example", "clear"].map((label, i) => [label, x + i * (wide + 6), y + side + 9, wide]);
}

function heading(pen, text, x, y, c, style = {}) {
  pen.text(text, x, y, { fill: c.soft, size: 12.5, weight: 600, ...style });
}

/** The first of some texts that has room, or the last one. */
function fitting(pen, texts, room, style) {
  return texts.find((text) => pen.measure(text, style) <= room) ?? texts.at(-1);
}

/** What it sees, and the signs that each convolution leaves, a small square for each channel. */
function drawLayers(pen, scene) {
  const { data, colours: c, layout: l, local, now, still, narrow } = scene;
  const lit = rgb(c.plusGlow);
  const dark = rgb(mix(c.lampOff, c.minus, 0.35));
  const flash = rgb(c.dark ? "#ffffff" : "#fff6dc");
  const kick = rgb(c.kick);
  const gap = rgb(c.paper);
  l.columns.forEach(([x, y], layer) => {
    const bits = data.maps[layer];
    const old = data.before.maps[layer];
    const size = Math.sqrt(bits.length / (layer ? 64 : 32));
    const rows = layer ? 8 : 4;
    const top = layer ? y : y + l.side / 2;
    const pitch = size + 1;
    const [wide, high] = [8 * pitch - 1, rows * pitch - 1];
    const rgba = new Uint8ClampedArray(4 * wide * high);
    const paint = (at, colour) => rgba.set(colour, 4 * at);
    for (let at = 0; at < wide * high; at++) paint(at, gap);
    const since = still ? null : memoryOf(local).since[layer];
    for (let i = 0; i < bits.length; i++) {
      const [channel, pixel] = [Math.floor(i / (size * size)), i % (size * size)];
      const row = Math.floor(channel / 8) * pitch + Math.floor(pixel / size);
      const column = (channel % 8) * pitch + (pixel % size);
      const age = since ? now - since[i] : GLOW;
      const bit = age < 0 ? 1 - bits[i] : bits[i];
      let colour = bit ? dark : lit;
      if (age >= 0 && age < GLOW) colour = between(colour, flash, 0.85 * (1 - age / GLOW));
      if (bits[i] !== old[i]) colour = kick;
      paint(row * wide + column, colour);
    }
    pen.pixels(wide, high, rgba, x, top, l.side, (l.side * high) / wide);
    if (layer) heading(pen, l.side < 190 ? TITLES[layer] : `${TITLES[layer]}: 64 × ${size} × ${size} bits`, x, y - 9, c);
    if (layer && layer - 1 === l.layer) {
      const place = mapBox(l, layer, l.filter);
      pen.rect(place[0] - 1.5, place[1] - 1.5, place[2] + 3, place[2] + 3, { stroke: c.paper, width: 4 }, 2);
      pen.rect(place[0] - 1.5, place[1] - 1.5, place[2] + 3, place[2] + 3, { stroke: c.accent, width: 2.2 }, 2);
    }
  });
  drawSeen(pen, scene);
}

function drawSeen(pen, { data, colours: c, layout: l, narrow }) {
  const [x, y] = l.columns[0];
  const side = l.side / 2 - 22;
  const left = x + (l.side - side) / 2;
  const rgba = new Uint8ClampedArray(4 * SIDE * SIDE);
  const [paper, ink] = [c.dark ? [11, 13, 16] : [255, 253, 248], rgb(c.ink)];
  data.levels.forEach((level, i) => rgba.set([...between(paper, ink, level / 16).slice(0, 3), 255], 4 * i));
  const top = y + (narrow ? 0 : 2);
  const titles = narrow ? ["it sees"] : ["it sees 14 × 14", "it sees"];
  const title = fitting(pen, titles, l.side - 4, { size: 12.5, weight: 600 });
  heading(pen, title, x + l.side / 2, y - 9, c, { align: "center" });
  pen.pixels(SIDE, SIDE, rgba, left, top, side, side);
  pen.rect(left, top, side, side, { stroke: c.faint });
  heading(pen, "conv 1", x + l.side / 2, y + l.side / 2 - 6, c, { align: "center" });
}

/** [x, y, side] of the square of a channel. */
function mapBox({ columns, side }, layer, channel) {
  const [x, y] = columns[layer];
  const pitch = side / 8;
  return [x + (channel % 8) * pitch, y + Math.floor(channel / 8) * pitch, pitch * 0.94];
}

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).concat(255);

function between(a, b, share) {
  return [0, 1, 2].map((i) => Math.round(a[i] + share * (b[i] - a[i]))).concat(255);
}

function drawAnswers(pen, { data, colours: c, layout: l, state }) {
  const [x, y, wide, high] = l.bars;
  const row = high / 10;
  const size = Math.min(15, row * 0.74);
  const blank = !data.lines.length;
  heading(pen, "answer", x, y - 9, c);
  data.shares.forEach((share, digit) => {
    const top = y + digit * row;
    const wins = digit === data.answer && !blank;
    const full = wide - 20;
    const style = { size: wins ? size + 3 : size, weight: wins ? 800 : 400, base: "middle" };
    pen.text(String(digit), x, top + row / 2, { fill: wins ? c.accent : c.soft, ...style });
    pen.rect(x + 18, top + 2.5, full, row - 5, { fill: c.panel }, 3);
    if (blank) return;
    pen.rect(x + 18, top + 2.5, Math.max(full * share, 1), row - 5, {
      fill: wins ? c.accent : c.faint,
    }, 3);
    if (state.flips.length) {
      const was = x + 18 + full * data.before.shares[digit];
      pen.line(was, top + 1, was, top + row - 1, { stroke: c.kick, width: 2 });
    }
  });
}

/** Both stopwatches, and how often the bits are done while the floats are once. */
function drawRace(pen, { colours: c, layout: l, narrow }) {
  const [x, y, wide] = l.race;
  const ratio = times ? times.float / times.binary : 1;
  const rows = [
    ["bits", c.plus, times?.binary],
    ["float32", c.minus, times?.float],
  ];
  heading(pen, raceTitle(narrow), x, y - 9, c);
  const from = x + 62;
  const to = x + wide - 76;
  rows.forEach(([label, colour, ms], i) => {
    const top = y + 4 + i * 27;
    pen.text(label, x, top + 10, { fill: c.ink, size: 13.5, weight: 600, base: "middle" });
    pen.rect(from, top, to - from, 19, { fill: c.panel }, 4);
    if (!times) return;
    pen.rect(from, top, ((to - from) * ms) / Math.max(times.float, times.binary), 19, { fill: colour }, 4);
    pen.text(`${ms < 1 ? ms.toFixed(3) : ms.toFixed(2)} ms`, to + 8, top + 10, {
      fill: c.ink, size: 13.5, weight: 600, base: "middle",
    });
  });
  const below = y + (narrow ? 78 : 86);
  if (times) {
    const big = `${ratio.toFixed(ratio < 10 ? 1 : 0)}×`;
    const size = narrow ? 26 : 34;
    pen.text(big, x, below + size * 0.42, { fill: c.accent, size, weight: 800 });
    const after = x + pen.measure(big, { size, weight: 800 }) + 12;
    const style = { size: narrow ? 13 : 14.5 };
    const texts = [
      "faster in bits, measured here: the same sums, the same answer",
      "faster in bits, measured here",
      "faster in bits",
    ];
    const words = fitting(pen, texts, x + wide - after, style);
    pen.text(words, after, below + 6, { fill: c.ink, ...style, base: "middle" });
  } else {
    pen.text(narrow ? "" : "two stopwatches start when the page is alive", x, below + 6, { fill: c.soft, size: 13, base: "middle" });
  }
}

function raceTitle(narrow) {
  if (!times) return "one answer, on your device";
  return narrow ? "one answer, on this device" : `one answer, on this device (${times.kernel}, one thread)`;
}

/** The nine taps of a filter, a square for each input channel: its ±1 weights. */
function drawWeights(pen, scene) {
  const { colours: c, layout: l, local, state } = scene;
  const net = network();
  net.use(state.flips);
  const flips = new Set(state.flips);
  const { cell } = l;
  const name = `filter ${l.filter} of ${state.layer}`;
  const titles = [`${name}: ${TAPS * l.channels} weights. Click one`, `${name}. Click a weight`, name];
  const room = 3 * l.tile + 12;
  heading(pen, fitting(pen, titles, room, { size: 12.5, weight: 600 }), l.weights[0], l.weights[1] - 9, c);
  const [plus, minus] = [[], []];
  const marked = [];
  l.tiles.forEach(([x0, y0], tap) => {
    for (let channel = 0; channel < l.channels; channel++) {
      const x = x0 + (channel % l.across) * cell;
      const y = y0 + Math.floor(channel / l.across) * cell;
      (net.weight(l.layer, l.filter, tap, channel) ? minus : plus).push(x + cell / 2, y + cell / 2);
      if (flips.has(net.flipOf(l.layer, l.filter, tap, channel))) marked.push([x, y]);
    }
  });
  pen.squares(plus, cell - 1.4, { fill: c.plusGlow }, 2);
  pen.squares(minus, cell - 1.4, { fill: mix(c.lampOff, c.minus, 0.35) }, 2);
  for (const [x, y] of marked) pen.rect(x, y, cell, cell, { stroke: c.kick, width: 2.5 }, 2);
  if (local.onWeights) {
    const [x, y] = weightBox(l, local.weight);
    pen.rect(x - 2, y - 2, cell + 4, cell + 4, { stroke: c.ink, width: 2 }, 3);
  }
}

/** Where the weight in a row and column of all nine tiles lies. */
function weightBox(l, [row, column]) {
  const tap = Math.floor(row / l.down) * 3 + Math.floor(column / l.across);
  const [x, y] = l.tiles[tap];
  return [x + (column % l.across) * l.cell, y + (row % l.down) * l.cell];
}

function drawNotes(pen, { data, colours: c, layout: l, state, narrow }) {
  const [x, y] = l.notes;
  const size = narrow ? 12.5 : 14;
  const help = [
    "Amber is +1, blue is −1. Choose a square of a layer: on the right are its weights.",
    "Amber is +1, blue is −1. Choose a square of a layer.",
    "Amber is +1, blue is −1. Choose a square.",
  ];
  const flip = ["Click a weight: it flips, and what changes turns pink.", "Click a weight: it flips."];
  const lines = state.flips.length
    ? effect(data, state)
    : [
        fitting(pen, narrow ? help.slice(1) : help, l.notes[2], { size }),
        fitting(pen, flip, l.notes[2], { size }),
      ];
  lines.filter(Boolean).forEach((line, i) => {
    const first = state.flips.length && !i;
    const style = { fill: first ? c.kick : c.soft, size, weight: first ? 600 : 400 };
    pen.text(line, x, y + 16 + i * (size + 8), style);
  });
}

function effect(data, { flips }) {
  const many = flips.length === 1 ? "1 weight flipped" : `${flips.length} weights flipped`;
  const found = BINARY.map((name, i) => [name, data.changed[i + 1]]).filter(([, bits]) => bits);
  const bits = found.map(([name, n]) => `${name}: ${n}`).join(", ");
  const now = `${data.answer}, ${percent(data.shares[data.answer])}`;
  const then = `${data.was}, ${percent(data.before.shares[data.was])}`;
  return [many, bits ? `changed bits of ${bits}` : "no bit changed", `answer ${now} (before ${then})`];
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function handles(scene) {
  const { layout: l, local, data, state } = scene;
  const [x, y, side] = l.pad;
  const unit = PAPER / side;
  const at = (px, py) => [px - x, py - y].map((v) => Math.round(Math.min(Math.max(v * unit, 0), PAPER)));
  const list = [
    {
      id: "paper",
      kind: "area",
      label: `paper, ${local.down ? "the pen is down" : "the pen is up"}: arrow keys move the pen, space lowers or lifts it`,
      x, y, width: side, height: side,
      down(px, py, view) {
        view.local.keys = false;
        view.local.down = false;
        view.set({ strokes: [...view.state.strokes, at(px, py)] });
      },
      move: (px, py, view) => extend(view, at(px, py)),
      up() {},
      nudge(dx, dy, view) {
        const { local: own } = view;
        own.keys = true;
        own.at = own.at.map((v, i) => Math.min(Math.max(v + NUDGE * (i ? -dy : dx), 0), PAPER));
        if (own.down) extend(view, own.at);
      },
      press(view) {
        const { local: own } = view;
        own.keys = true;
        own.down = !own.down;
        if (own.down) view.set({ strokes: [...view.state.strokes, [...own.at]] });
      },
    },
  ];
  const press = {
    clear: (view) => view.set({ strokes: [] }),
    undo: (view) => view.set({ strokes: view.state.strokes.slice(0, -1) }),
    example: (view) => {
      const shown = examples.findIndex((one) => same(one, view.state.strokes));
      view.set({ strokes: examples[(shown + 1) % examples.length] });
    },
  };
  for (const [label, bx, by, width] of buttonsOf(l)) {
    list.push({ id: label, kind: "button", label, x: bx, y: by, width, height: 30, press: press[label] });
  }
  BINARY.forEach((name, layer) => {
    const [left, top] = l.columns[layer + 1];
    const own = layer === l.layer ? `, filter ${l.filter} is chosen` : "";
    list.push({
      id: name,
      kind: "area",
      label: `channels of ${name}${own}: arrow keys choose a filter`,
      x: left, y: top, width: l.side, height: l.side,
      down(px, py, view) {
        const [row, column] = [(py - top) / l.side, (px - left) / l.side].map((v) =>
          Math.min(Math.max(Math.floor(8 * v), 0), 7),
        );
        view.set({ layer: name, filter: 8 * row + column });
      },
      nudge(dx, dy, view) {
        const next = view.state.filter + dx - 8 * dy;
        view.set({ layer: name, filter: Math.min(Math.max(next, 0), 63) });
      },
      press: (view) => view.set({ layer: name }),
    });
  });
  list.push(weightArea(scene, data, state));
  return list;
}

function extend(view, [x, y]) {
  const { strokes } = view.state;
  const last = strokes.at(-1) ?? [];
  if (last.at(-2) === x && last.at(-1) === y) return;
  view.set({ strokes: [...strokes.slice(0, -1), [...last, x, y]] });
}

function weightArea({ layout: l, local }) {
  const net = network();
  const size = 3 * l.tile + 12;
  const [rows, columns] = [3 * l.down, 3 * l.across];
  const [row, column] = local.weight.map((v, i) => Math.min(v, (i ? columns : rows) - 1));
  const tap = Math.floor(row / l.down) * 3 + Math.floor(column / l.across);
  const channel = (row % l.down) * l.across + (column % l.across);
  const sign = net.weight(l.layer, l.filter, tap, channel) ? "−1" : "+1";
  const where = `row ${Math.floor(tap / 3) + 1}, column ${(tap % 3) + 1}, input channel ${channel}: ${sign}`;
  const flip = (view, weight) => {
    const { flips } = view.state;
    view.set({ flips: flips.includes(weight) ? flips.filter((other) => other !== weight) : [...flips, weight] });
  };
  return {
    id: "weights",
    kind: "area",
    label: `weights of the filter; ${where}. Arrow keys choose one, space flips it`,
    x: l.weights[0], y: l.weights[1], width: size, height: size,
    down(px, py, view) {
      const hit = l.tiles.findIndex(([x, y]) => px >= x && px < x + l.tile && py >= y && py < y + l.down * l.cell);
      if (hit < 0) return;
      const [inX, inY] = [px - l.tiles[hit][0], py - l.tiles[hit][1]].map((v) => Math.floor(v / l.cell));
      view.local.weight = [Math.floor(hit / 3) * l.down + inY, (hit % 3) * l.across + inX];
      view.local.onWeights = false;
      flip(view, net.flipOf(l.layer, l.filter, hit, inY * l.across + inX));
    },
    nudge(dx, dy, view) {
      const limits = [rows - 1, columns - 1];
      view.local.onWeights = true;
      view.local.weight = [row - dy, column + dx].map((v, i) => Math.min(Math.max(v, 0), limits[i]));
    },
    press(view) {
      view.local.onWeights = true;
      flip(view, net.flipOf(l.layer, l.filter, tap, channel));
    },
  };
}

/** Times both twins, a little at a time, once the drawing is seen. */
function panel(view) {
  const net = network();
  let rounds = 0;
  const best = { binary: Infinity, float: Infinity };
  const watch = (run, often) => {
    const start = performance.now();
    for (let i = 0; i < often; i++) run();
    return (performance.now() - start) / often;
  };
  let often = 1;
  const round = () => {
    if (!view.host.isConnected && rounds) return;
    // Not while somebody draws, nor for a page that nobody sees.
    if (!view.frames || view.held || document.hidden) return setTimeout(round, 300);
    net.use(view.state.flips);
    best.float = Math.min(best.float, watch(() => net.runFloat(), 1 + Math.floor(often / 8)));
    best.binary = Math.min(best.binary, watch(() => net.run(), often));
    // As long as the floats, or clocks of whole milliseconds would see nothing.
    often = Math.min(Math.max(1, Math.ceil(8 / best.binary)), 400);
    rounds++;
    times = { ...best, kernel: net.kernel.name };
    view.redraw();
    if (rounds < ROUNDS) setTimeout(round, 60);
  };
  setTimeout(round, 400);
  return null;
}

function describe({ data, state }) {
  if (!data.lines.length) return "Draw a digit with a mouse, a finger, or the arrow keys and space; the network answers at every stroke.";
  const text = [
    `The network reads ${data.answer}, with ${percent(data.shares[data.answer])}.`,
    state.flips.length ? `${effect(data, state).join("; ")}.` : "",
    `Shown: filter ${state.filter} of ${state.layer}.`,
  ];
  if (!state.flips.length) {
    text.push(`The ${(network().macs / 1e6).toFixed(1)} million multiplications of its binary layers are XORs of bits, many at a time.`);
  }
  return text.filter(Boolean).join(" ");
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  panel,
  describe,
  local: () => ({ at: [140, 140], down: false, keys: false, weight: [0, 0], onWeights: false }),
});
