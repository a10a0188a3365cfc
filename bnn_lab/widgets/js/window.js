// One window of a binary convolution: drag it over the digit, and its nine words meet the filter's
// nine. XOR marks the bits that differ, popcount counts them, and the accumulator is K minus twice
// their number. Flip a bit of the filter by a click: the accumulator moves by 2.

import schema from "./window.json" with { type: "json" };
import { popcount, signed } from "./core/bits.js";
import { explorable } from "./core/explorable.js";
import { arrow, hatch } from "./core/marks.js";
import { fade, mix } from "./core/theme.js";

const SIZE = 8; // height and width of image and output, pixels
const PIXELS = SIZE * SIZE;
const KERNEL = 3;
const WORDS = KERNEL * KERNEL;
const CHANNELS = 32;
const DEPTH = WORDS * CHANNELS;
const ZEROS = schema.fields.padding.options[1];
const WIDE = 860; // pixels from which all parts stand in one row

/** Accumulators of every pixel, with what they are made of. */
export function compute({ scene, filter, padding, flips }) {
  const kernel = scene.filters[filter].slice();
  for (const at of flips) {
    const [channel, word, bit] = placeOf(at);
    if (channel === filter) kernel[word] = (kernel[word] ^ (1 << bit)) >>> 0;
  }
  const zeros = padding === ZEROS;
  const ones = kernel.map((word) => CHANNELS - 2 * popcount(word)); // sum of a word's signs
  const pixels = [];
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    const words = windowOf(scene.image, pixel);
    const differ = words.map((word, i) => ((word ?? 0) ^ kernel[i]) >>> 0);
    const counts = differ.map(popcount);
    // Outside the image the bits are 0, which is +1; zero-padding takes out what they add.
    const correction = zeros
      ? -ones.reduce((sum, value, i) => sum + (words[i] === null ? value : 0), 0)
      : 0;
    const total = counts.reduce((sum, count) => sum + count, 0);
    pixels.push({
      words, differ, counts, total, correction: correction + 0,
      accumulator: DEPTH - 2 * total + correction,
    });
  }
  return { kernel, pixels };
}

/** The words of a window, row by row; null outside the image. */
function windowOf(image, pixel) {
  const [row, column] = [Math.floor(pixel / SIZE), pixel % SIZE];
  return Array.from({ length: WORDS }, (_, i) => {
    const y = row + Math.floor(i / KERNEL) - 1;
    const x = column + (i % KERNEL) - 1;
    return y >= 0 && y < SIZE && x >= 0 && x < SIZE ? image[y * SIZE + x] : null;
  });
}

/** A flip as one number, and back: filter, word, bit. */
const flipOf = (filter, word, bit) => filter * DEPTH + word * CHANNELS + bit;
const placeOf = (at) => [Math.floor(at / DEPTH), Math.floor((at % DEPTH) / CHANNELS), at % CHANNELS];

function height(width) {
  if (width >= WIDE) return 236 + 46 + 154;
  const panel = panelOf(width);
  const tiles = tilesOf(width);
  const bits = width < 560 ? 2 * 108 : 118;
  return panel + 46 + tiles + 70 + bits + 30;
}

const panelOf = (width) => Math.min((width - 44) / 2, 250);
const tilesOf = (width) => Math.min((width - 20 - 2 * 30) / 3, 150);

function layout({ width, state, step }) {
  const wide = width >= WIDE;
  const pixel = Math.min(Math.floor(step + 1e-9), PIXELS - 1);
  const panel = wide ? Math.min((width - 40) * 0.235, 236) : panelOf(width);
  const group = wide ? Math.min((width - 40) * 0.127, 138) : tilesOf(width);
  const top = 26;
  const l = { wide, pixel, panel, group };
  if (wide) {
    const joints = [40, 34, 34, 40];
    const all = 2 * panel + 3 * group + joints.reduce((sum, gap) => sum + gap, 0);
    let x = (width - all) / 2;
    const middle = top + panel / 2;
    l.image = [x, top];
    x += panel + joints[0];
    l.tiles = [];
    for (let i = 0; i < 3; i++) {
      l.tiles.push([x, middle - group / 2]);
      x += group + joints[i + 1];
    }
    l.output = [x, top];
    l.formula = top + panel + 30;
  } else {
    const gap = width - 2 * panel - 20;
    l.image = [10, top];
    l.output = [10 + panel + gap, top];
    const between = (width - 20 - 3 * group) / 2;
    const y = top + panel + 42;
    l.tiles = [0, 1, 2].map((i) => [10 + i * (group + between), y]);
    l.formula = y + group + 32;
  }
  l.cell = panel / (SIZE + 2);
  l.out = panel / SIZE;
  l.tile = group / KERNEL;
  const columns = width < 560 ? 16 : 32;
  const label = width < 560 ? 0 : 58;
  const bit = Math.min((width - 20 - label) / columns, 27);
  const start = (width - bit * columns - label) / 2 + label;
  const row = Math.min(bit, 25);
  const title = width < 560 ? 16 : 0;
  const first = l.formula + 34;
  l.bit = bit;
  l.bitHigh = row;
  l.bitStart = start;
  l.bitRows = ["image", "filter", "XOR"];
  l.bitAt = (line, i) => [
    start + (i % columns) * bit,
    first + Math.floor(i / columns) * (3 * (row + 4) + 14 + title) + title + line * (row + 4),
  ];
  l.columns = columns;
  l.label = label;
  l.word = state.word;
  return l;
}

/** How many of the window's words have been counted: all, but for a moment while it plays. */
function countedOf({ step, playing, still }) {
  return playing && !still ? Math.min(WORDS, Math.floor((step % 1) * (WORDS + 2))) : WORDS;
}

function draw(pen, scene) {
  const { data, layout: l } = scene;
  const pixel = data.pixels[l.pixel];
  const counted = countedOf(scene);
  const word = counted < WORDS ? counted : l.word;
  drawImage(pen, scene, word);
  drawJoints(pen, scene);
  drawTiles(pen, scene, pixel, counted, word);
  drawOutput(pen, scene, counted);
  drawFormula(pen, scene, pixel, counted);
  drawBits(pen, scene, pixel, word);
}

function heading(pen, text, x, y, colours, align = "left") {
  pen.text(text, x, y, { fill: colours.soft, size: 12.5, weight: 600, align });
}

/** The digit in grey, the signs of one channel in colour, the padding around them. */
function drawImage(pen, { state, colours: c, layout: l, narrow }, word) {
  const [x0, y0] = l.image;
  const { cell } = l;
  heading(pen, narrow ? `channel ${state.channel}` : `the image's signs, channel ${state.channel}`, x0, y0 - 9, c);
  pen.rect(x0, y0, l.panel, l.panel, { fill: c.panel });
  hatch(pen, [x0, y0, l.panel, l.panel], fade(c.ink, 0.12), 8);
  const inner = Math.max(cell * 0.66, 6);
  const outside = state.padding === ZEROS ? "0" : "+";
  for (let row = -1; row <= SIZE; row++) {
    for (let column = -1; column <= SIZE; column++) {
      const [x, y] = [x0 + (column + 1) * cell, y0 + (row + 1) * cell];
      const [mx, my] = [x + cell / 2, y + cell / 2];
      const inside = row >= 0 && row < SIZE && column >= 0 && column < SIZE;
      if (!inside) {
        pen.text(outside, mx, my, { fill: c.soft, size: cell * 0.5, align: "center", base: "middle" });
        continue;
      }
      const at = row * SIZE + column;
      pen.rect(x, y, cell, cell, { fill: mix(c.paper, c.ink, (state.scene.digit[at] / 16) * 0.72) });
      const minus = (state.scene.image[at] >>> state.channel) & 1;
      pen.rect(mx - inner / 2, my - inner / 2, inner, inner, { fill: minus ? c.minus : c.plus }, inner * 0.3);
      if (inner > 11) {
        pen.text(minus ? "\u2212" : "+", mx, my + 0.5, {
          fill: "#ffffff", size: inner * 0.86, weight: 700, align: "center", base: "middle",
        });
      }
    }
  }
  const [row, column] = [Math.floor(l.pixel / SIZE), l.pixel % SIZE];
  const box = [x0 + column * cell, y0 + row * cell, cell * KERNEL, cell * KERNEL];
  pen.rect(...box, { fill: fade(c.accent, 0.13), stroke: c.paper, width: 6 }, 3);
  pen.rect(...box, { stroke: c.accent, width: 3.2 }, 3);
  const [wx, wy] = [box[0] + (word % KERNEL) * cell, box[1] + Math.floor(word / KERNEL) * cell];
  pen.rect(wx + 1, wy + 1, cell - 2, cell - 2, { stroke: c.ink, width: 2.2 }, 2);
}

/** What happens between the parts: arrows, XOR, and an equals sign. */
function drawJoints(pen, { colours: c, layout: l }) {
  const middle = l.tiles[0][1] + l.group / 2;
  const style = { fill: c.soft, size: l.wide ? 14 : 12, weight: 700, align: "center", base: "middle" };
  const between = (i) => (l.tiles[i][0] + l.group + l.tiles[i + 1][0]) / 2;
  pen.text("XOR", between(0), middle, { ...style, size: 11 });
  pen.text("=", between(1), middle, style);
  if (!l.wide) return;
  const look = { colour: c.faint, width: 2.5, head: 9 };
  arrow(pen, l.image[0] + l.panel + 8, middle, l.tiles[0][0] - 8, middle, look);
  arrow(pen, l.tiles[2][0] + l.group + 8, middle, l.output[0] - 8, middle, look);
}

/** Window, filter and their XOR, each nine words of 32 bits. */
function drawTiles(pen, scene, pixel, counted, word) {
  const { colours: c, layout: l, data, state, narrow } = scene;
  const groups = [
    ["the window", pixel.words.map((bits) => bits ?? 0), c.minus, fade(c.plus, 0.32)],
    [`filter ${state.filter}`, data.kernel, c.minus, fade(c.plus, 0.32)],
    [narrow ? "differ" : "bits that differ", pixel.differ, c.kick, c.panel],
  ];
  groups.forEach(([title, words, on, off], g) => {
    const [x0, y0] = l.tiles[g];
    heading(pen, title, x0, y0 - 9, c);
    words.forEach((bits, i) => {
      const x = x0 + (i % KERNEL) * l.tile;
      const y = y0 + Math.floor(i / KERNEL) * l.tile;
      const size = l.tile - 3;
      const hidden = g === 2 && i >= counted;
      pen.rect(x, y, size, size, { fill: hidden ? c.panel : off }, 2);
      if (!hidden) pen.shape(bitsPath(bits, x, y, size), { fill: on });
      if (g === 0 && pixel.words[i] === null) hatch(pen, [x, y, size, size], fade(c.ink, 0.3), 7);
      if (i === word) pen.rect(x - 1, y - 1, size + 2, size + 2, { stroke: c.ink, width: 2 }, 3);
      if (g === 2 && !hidden) {
        pen.text(String(pixel.counts[i]), x + size / 2, y + size / 2 + 0.5, {
          fill: c.ink, size: Math.min(17, l.tile * 0.42), weight: 700, align: "center", base: "middle",
          halo: c.paper,
        });
      }
    });
  });
}

/** All ones of a word as one outline: 8 columns, 4 rows, bit 0 at the upper left. */
function bitsPath(bits, x, y, size) {
  const [w, h] = [size / 8, size / 4];
  let d = "";
  for (let i = 0; i < CHANNELS; i++) {
    if (!((bits >>> i) & 1)) continue;
    const [bx, by] = [x + (i % 8) * w, y + Math.floor(i / 8) * h];
    d += `M${bx.toFixed(1)} ${by.toFixed(1)}h${w.toFixed(1)}v${h.toFixed(1)}h${(-w).toFixed(1)}z`;
  }
  return d || "M0 0";
}

/** The accumulators so far: those of the pixels that the window has passed. */
function drawOutput(pen, { colours: c, layout: l, data, state, narrow }, counted) {
  const [x0, y0] = l.output;
  heading(pen, narrow ? "accumulators" : `accumulators, channel ${state.filter}`, x0, y0 - 9, c);
  data.pixels.forEach(({ accumulator }, pixel) => {
    const x = x0 + (pixel % SIZE) * l.out;
    const y = y0 + Math.floor(pixel / SIZE) * l.out;
    const filled = pixel < l.pixel || (pixel === l.pixel && counted === WORDS);
    const colour = accumulator < 0 ? c.minus : c.plus;
    const share = 0.1 + 0.9 * Math.min(1, Math.abs(accumulator) / (DEPTH * 0.5));
    pen.rect(x + 0.5, y + 0.5, l.out - 1, l.out - 1, {
      fill: filled ? mix(c.paper, colour, share) : c.panel,
    }, 2);
    if (filled) {
      pen.text(String(accumulator).replace("-", "\u2212"), x + l.out / 2, y + l.out / 2 + 0.5, {
        fill: share > 0.7 ? (c.dark ? "#111418" : "#ffffff") : c.ink,
        size: Math.min(12, l.out * 0.36), align: "center", base: "middle",
      });
    }
  });
  const x = x0 + (l.pixel % SIZE) * l.out;
  const y = y0 + Math.floor(l.pixel / SIZE) * l.out;
  pen.rect(x, y, l.out, l.out, { stroke: c.paper, width: 5 }, 3);
  pen.rect(x, y, l.out, l.out, { stroke: c.accent, width: 3 }, 3);
}

function drawFormula(pen, { colours: c, layout: l, width, narrow }, pixel, counted) {
  const soFar = pixel.counts.slice(0, counted).reduce((sum, count) => sum + count, 0);
  const done = counted === WORDS;
  const parts = [
    [narrow ? "" : "accumulator  =  ", c.soft, 400],
    [String(DEPTH), c.ink, 700],
    ["  \u2212  2 \u00b7 ", c.soft, 400],
    [String(soFar), c.kick, 700],
  ];
  if (pixel.correction) {
    parts.push([`  ${pixel.correction < 0 ? "\u2212" : "+"} `, c.soft, 400]);
    parts.push([String(Math.abs(pixel.correction)), c.formula, 700]);
    if (!narrow) parts.push([" correction", c.soft, 400]);
  }
  const value = pixel.accumulator;
  if (done) parts.push(["  =  ", c.soft, 400], [signed(value), value < 0 ? c.minus : c.plus, 700]);
  const size = narrow ? 16 : 19;
  const widths = parts.map(([text, , weight]) => pen.measure(text, { size, weight }));
  let x = width / 2 - widths.reduce((sum, w) => sum + w, 0) / 2;
  parts.forEach(([text, fill, weight], i) => {
    pen.text(text, x, l.formula, { fill, size, weight });
    x += widths[i];
  });
}

/** The chosen word, bit by bit; those of the filter are switches. */
function drawBits(pen, { colours: c, layout: l, data, state, hovered, width }, pixel, word) {
  const rows = [pixel.words[word] ?? 0, data.kernel[word], pixel.differ[word]];
  rows.forEach((bits, line) => {
    const [, y] = l.bitAt(line, 0);
    if (l.label) {
      pen.text(l.bitRows[line], l.bitStart - 8, y + l.bitHigh / 2, {
        fill: c.soft, size: 12.5, weight: 600, align: "right", base: "middle",
      });
    }
    for (let i = 0; i < CHANNELS; i++) {
      const [x, top] = l.bitAt(line, i);
      if (!l.label && i % l.columns === 0 && line === 0) {
        const from = `word ${word}, bits ${i} to ${i + l.columns - 1}: image, filter, XOR`;
        pen.text(from, l.bitStart, top - 5, { fill: c.soft, size: 11.5, weight: 600 });
      }
      const bit = (bits >>> i) & 1;
      const [w, h] = [l.bit - 2, l.bitHigh];
      if (line < 2) {
        const lit = hovered === `bit${i}` && line === 1;
        const colour = bit ? c.minus : c.plus;
        pen.rect(x, top, w, h, {
          fill: fade(colour, lit ? 0.4 : 0.22), stroke: line ? colour : undefined, width: lit ? 2.2 : 1.2,
        }, line ? 5 : 2);
        pen.text(String(bit), x + w / 2, top + h / 2 + 0.5, {
          fill: mix(colour, c.ink, 0.45), size: Math.min(13, h * 0.62), weight: line ? 700 : 400,
          align: "center", base: "middle",
        });
      } else {
        pen.rect(x, top, w, h, { fill: bit ? c.kick : c.panel }, 2);
        pen.text(String(bit), x + w / 2, top + h / 2 + 0.5, {
          fill: bit ? (c.dark ? "#111418" : "#ffffff") : c.soft, size: Math.min(13, h * 0.62),
          weight: bit ? 700 : 400, align: "center", base: "middle",
        });
      }
    }
  });
  const [x, y] = l.bitAt(0, state.channel);
  const [, end] = l.bitAt(2, state.channel);
  pen.rect(x - 2, y - 2, l.bit + 2, end - y + l.bitHigh + 4, { stroke: c.ink, width: 1.5 }, 4);
  if (l.label) {
    const [, below] = l.bitAt(2, 0);
    const text = `word ${word}: bit 0 at the left; 1 means \u22121; the framed bit is the channel in the image`;
    pen.text(text, width / 2, below + l.bitHigh + 17, { fill: c.soft, size: 12, align: "center" });
  }
}

function handles(scene) {
  const { layout: l, data, state } = scene;
  const [row, column] = [Math.floor(l.pixel / SIZE), l.pixel % SIZE];
  const goto = (view, y, x) => {
    const [inY, inX] = [y, x].map((value) => Math.min(Math.max(value, 0), SIZE - 1));
    view.player.seek(inY * SIZE + inX);
  };
  const list = [
    {
      id: "window",
      label: "window, by its output pixel",
      help: "drag the window over the digit",
      x: l.image[0] + (column + 1.5) * l.cell,
      y: l.image[1] + (row + 1.5) * l.cell,
      axis: "xy",
      reach: l.cell * 1.5,
      halo: l.cell * 1.6,
      invite: true,
      text: `row ${row}, column ${column}: accumulator ${data.pixels[l.pixel].accumulator}`,
      from: (px, py) => [
        Math.round((py - l.image[1]) / l.cell - 1.5),
        Math.round((px - l.image[0]) / l.cell - 1.5),
      ],
      set: ([y, x], view) => goto(view, y, x),
      nudge: (dx, dy, view) => goto(view, row - dy, column + dx),
    },
  ];
  for (let i = 0; i < WORDS; i++) {
    const [x0, y0] = l.tiles[0];
    list.push({
      id: `word${i}`,
      kind: "button",
      label: `look at word ${i} of the window`,
      x: x0 + (i % KERNEL) * l.tile,
      y: y0 + Math.floor(i / KERNEL) * l.tile,
      width: l.tile - 2,
      height: l.tile - 2,
      pressed: i === state.word,
      press: (view) => view.set({ word: i }),
    });
  }
  for (let i = 0; i < CHANNELS; i++) {
    const [x, y] = l.bitAt(1, i);
    const minus = (data.kernel[state.word] >>> i) & 1;
    list.push({
      id: `bit${i}`,
      kind: "switch",
      label: `filter ${state.filter}, word ${state.word}, bit ${i}: ${minus ? "\u22121" : "+1"}`,
      x: x - 1,
      y: y - 2,
      width: l.bit,
      height: l.bitHigh + 4,
      pressed: !minus,
      press: (view) => flip(view, flipOf(state.filter, state.word, i)),
    });
  }
  return list;
}

function flip(view, at) {
  const { flips } = view.state;
  view.player.pause();
  view.set({ flips: flips.includes(at) ? flips.filter((other) => other !== at) : [...flips, at] });
}

/** A click on an output pixel takes the window there; one on a channel's column shows it. */
function press({ layout: l }, x, y, view) {
  const [column, row] = [(x - l.output[0]) / l.out, (y - l.output[1]) / l.out].map(Math.floor);
  if (column >= 0 && column < SIZE && row >= 0 && row < SIZE) {
    return view.player.seek(row * SIZE + column);
  }
  for (let i = 0; i < CHANNELS; i++) {
    const [bx, by] = l.bitAt(0, i);
    const [, end] = l.bitAt(2, i);
    if (x >= bx && x < bx + l.bit && y >= by && y < end + l.bitHigh) view.set({ channel: i });
  }
}

function describe(scene) {
  const { layout: l, data, state } = scene;
  const pixel = data.pixels[l.pixel];
  const [row, column] = [Math.floor(l.pixel / SIZE), l.pixel % SIZE];
  const outside = pixel.words.filter((word) => word === null).length;
  let text =
    `At row ${row}, column ${column}, ${pixel.total} of ${DEPTH} bits differ: the accumulator is ` +
    `${DEPTH} \u2212 2 \u00b7 ${pixel.total}`;
  if (pixel.correction) text += ` ${pixel.correction < 0 ? "\u2212" : "+"} ${Math.abs(pixel.correction)}`;
  text += ` = ${signed(pixel.accumulator)}. `;
  if (outside && state.padding === ZEROS) {
    text += `${outside} words lie in the padding; they are counted as +1, and the correction takes that out again. `;
  } else if (outside) text += `${outside} words lie in the padding, which is +1: all their bits are 0. `;
  const own = state.flips.filter((at) => placeOf(at)[0] === state.filter).length;
  if (own) text += `You have flipped ${own} bit${own > 1 ? "s" : ""} of this filter.`;
  else text += "Click a bit of the filter: the accumulator moves by 2.";
  return text;
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  press,
  describe,
  player: { steps: () => PIXELS - 1, speeds: [0.5, 3, 12], speed: 1, unit: "pixel" },
});
