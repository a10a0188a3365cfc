// Things that more than one explorable draws.

import { linear, radial } from "./pen.js";
import { fade, mix } from "./theme.js";

/** A linear scale from [low, high] to pixels, with `invert` back. */
export function scale([low, high], [from, to]) {
  const at = (value) => from + ((value - low) / (high - low)) * (to - from);
  at.invert = (pixel) => low + ((pixel - from) / (to - from)) * (high - low);
  at.domain = [low, high];
  at.range = [from, to];
  return at;
}

/** Round numbers in a range, about `count` of them. */
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

/** Numbers below a box, with short marks; `title` stands at their right end. */
export function axisX(pen, at, y, colours, { count = 5, title = "", format = String } = {}) {
  const [low, high] = at.domain;
  for (const value of ticks(low, high, count)) {
    pen.line(at(value), y, at(value), y + 4, { stroke: colours.faint });
    pen.text(format(value), at(value), y + 17, { fill: colours.soft, size: 12, align: "center" });
  }
  if (title) {
    pen.text(title, at.range[1], y + 32, { fill: colours.soft, size: 12, align: "right" });
  }
}

/** Numbers left of a box, and if `lines` (its other end) faint lines through it. */
export function axisY(pen, at, x, colours, { count = 5, lines = null, format = String } = {}) {
  const [low, high] = at.domain;
  for (const value of ticks(low, high, count)) {
    if (lines !== null) pen.line(x, at(value), lines, at(value), { stroke: colours.grid });
    const text = format(value).replace("-", "\u2212");
    pen.text(text, x - 8, at(value), {
      fill: colours.soft,
      size: 12,
      align: "right",
      base: "middle",
    });
  }
}

/** What can be grabbed: the same look everywhere. `colour` says what it belongs to. */
export function knob(pen, x, y, colours, { colour = colours.accent, r = 7, arrows = "" } = {}) {
  pen.circle(x, y + 1, r + 3, { fill: fade(colours.ink, 0.1) });
  pen.circle(x, y, r + 2, { fill: colours.paper });
  pen.circle(x, y, r, { fill: colour });
  const tip = (dx, dy) => {
    const [px, py] = [x + dx * (r + 5), y + dy * (r + 5)];
    const wing = [px - dx * 1 - dy * 4, py - dy * 1 - dx * 4, px + dx * 4, py + dy * 4];
    pen.path([...wing, px - dx * 1 + dy * 4, py - dy * 1 + dx * 4], { fill: colour }, true);
  };
  if (arrows.includes("y")) [tip(0, -1), tip(0, 1)];
  if (arrows.includes("x")) [tip(-1, 0), tip(1, 0)];
}

/** An arrow whose head ends at the second point. */
export function arrow(pen, x1, y1, x2, y2, { colour, width = 2.5, head = 8, alpha = 1 }) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 0.5) return;
  const size = Math.min(head, length);
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - dx * size, y2 - dy * size];
  pen.line(x1, y1, bx, by, { stroke: colour, width, alpha, cap: "butt" });
  const half = size * 0.62;
  pen.path(
    [x2, y2, bx - dy * half, by + dx * half, bx + dy * half, by - dx * half],
    { fill: colour, alpha },
    true,
  );
}

/** A ball with light from above. */
export function ball(pen, x, y, r, colour, colours) {
  // Around the origin, so that in SVG balls of one size and colour share their gradients.
  pen.group({ x, y }, () => {
    const shade = [[0.6, fade(colours.ink, 0.22)], [1, fade(colours.ink, 0)]];
    pen.circle(0, r * 0.25, r * 1.12, { fill: radial(0, r * 0.35, r * 1.25, ...shade) });
    const light = [
      [0, mix(colour, "#ffffff", 0.8)],
      [0.38, mix(colour, "#ffffff", 0.15)],
      [1, mix(colour, "#000000", 0.22)],
    ];
    pen.circle(0, 0, r, { fill: radial(-r * 0.3, -r * 0.38, r * 1.5, ...light) });
  });
}

/**
 * A bulb around (x, y) that is lit for +1 and dark for -1. `glow` in 0..1 is how far it has come
 * from one to the other; `flash` in 0..1 a ring that spreads when it flips.
 */
export function bulb(pen, x, y, r, glow, colours, { flash = 0, label = "" } = {}) {
  pen.group({ x, y }, () => {
    if (glow > 0) {
      const light = (share) => fade(colours.plusGlow, share * glow);
      const around = radial(0, 0, r * 2.3, [0.3, light(0.42)], [0.62, light(0.12)], [1, light(0)]);
      pen.circle(0, 0, r * 2.3, { fill: around });
    }
    if (flash > 0) {
      const colour = glow > 0.5 ? colours.plus : colours.minus;
      const spread = r * (1.1 + 1.1 * (1 - flash));
      pen.circle(0, 0, spread, { stroke: colour, width: 3 * flash, alpha: flash });
    }
    drawScrew(pen, r, colours);
    drawGlass(pen, r, glow, colours);
    if (!label) return;
    const fill = mix("#ffffff", "#4a2a00", glow);
    const style = { size: r * 0.72, weight: 700, align: "center", base: "middle" };
    pen.text(label, 0, r * 0.05, { fill, ...style });
  });
}

/** Three rings and a contact. */
function drawScrew(pen, r, colours) {
  const neck = r * 0.46;
  const foot = r * 1.02;
  const metal = linear(
    -neck,
    0,
    neck,
    0,
    [0, mix(colours.soft, "#000000", 0.25)],
    [0.35, mix(colours.soft, "#ffffff", 0.45)],
    [1, mix(colours.soft, "#000000", 0.35)],
  );
  for (let k = 0; k < 3; k++) {
    pen.rect(-neck, foot + k * r * 0.19, 2 * neck, r * 0.15, { fill: metal }, r * 0.06);
  }
  pen.rect(-neck * 0.5, foot + r * 0.58, neck, r * 0.1, { fill: colours.soft }, r * 0.05);
}

function drawGlass(pen, r, glow, colours) {
  const at = (...numbers) => numbers.map((number) => (number * r).toFixed(1)).join(" ");
  const outline =
    `M${at(-0.46, 1.02)}C${at(-0.46, 0.72, -1, 0.55, -1, 0)}A${at(1, 1)} 0 0 1 ${at(1, 0)}` +
    `C${at(1, 0.55, 0.46, 0.72, 0.46, 1.02)}Z`;
  const glass = mix(colours.lampOff, colours.minus, 0.28);
  const off = [mix(glass, "#ffffff", 0.22), glass, mix(glass, "#000000", 0.25)];
  const on = ["#fff8e0", mix(colours.plusGlow, "#ffffff", 0.25), colours.plusGlow];
  const [inner, middle, outer] = off.map((colour, i) => mix(colour, on[i], glow));
  pen.shape(outline, {
    fill: radial(-r * 0.2, -r * 0.25, r * 1.5, [0, inner], [0.5, middle], [1, outer]),
    stroke: mix(mix(glass, "#000000", 0.3), colours.plus, glow),
    width: Math.min(1.5, r / 12),
  });
  // A window's reflection.
  const shine = `M${at(-0.62, -0.1)}A${at(0.64, 0.64)} 0 0 1 ${at(-0.1, -0.62)}`;
  pen.shape(shine, { stroke: "#ffffff", width: r * 0.09, cap: "round", alpha: 0.55 });
}

/**
 * A lamp for each of `count` weights at a step, those that have just flipped in a ring; signs is
 * [step * count + weight]. Returns the share that is at +1.
 */
export function lampBoard(pen, left, top, wide, columns, signs, count, step, colours) {
  const gap = wide / columns;
  const [lit, dark] = [[], []];
  const fresh = [];
  for (let i = 0; i < count; i++) {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    const on = signs[step * count + i] > 0;
    (on ? lit : dark).push(column + 0.4, row + 0.4);
    if (step > 0 && signs[(step - 1) * count + i] > 0 !== on) fresh.push([column, row, on]);
  }
  // In a grid of whole numbers: a stored picture is short.
  pen.group({ x: left + 0.1 * gap, y: top + 0.1 * gap, scale: gap }, () => {
    pen.squares(lit, 0.8, { fill: colours.plusGlow }, 0.24);
    pen.squares(dark, 0.8, { fill: mix(colours.lampOff, colours.minus, 0.35) }, 0.24);
  });
  for (const [column, row, on] of fresh) {
    pen.circle(left + (column + 0.5) * gap, top + (row + 0.5) * gap, gap * 0.68, {
      stroke: on ? colours.plus : colours.minus, width: 1.5,
    });
  }
  return lit.length / 2 / count;
}

/** Slanted lines in a box: what one cannot pass. */
export function hatch(pen, [x, y, width, height], colour, gap = 9) {
  if (width <= 0 || height <= 0) return;
  pen.group({ clip: [x, y, width, height] }, () => {
    for (let at = x - height; at < x + width; at += gap) {
      pen.line(at, y + height, at + height, y, { stroke: colour, width: 1.2 });
    }
  });
}

/** A spring between two heights. */
export function spring(pen, x, from, to, { colour, width = 2, swing = 7, turns = 7 }) {
  const points = [x, from];
  const lead = (to - from) * 0.12;
  for (let k = 0; k <= 2 * turns; k++) {
    const y = from + lead + ((to - from - 2 * lead) * k) / (2 * turns);
    points.push(x + (k === 0 || k === 2 * turns ? 0 : k % 2 ? swing : -swing), y);
  }
  points.push(x, to);
  pen.path(points, { stroke: colour, width });
}
