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
  pen.circle(x, y + r * 0.25, r * 1.12, {
    fill: radial(x, y + r * 0.35, r * 1.25, [0.6, fade(colours.ink, 0.22)], [1, fade(colours.ink, 0)]),
  });
  pen.circle(x, y, r, {
    fill: radial(
      x - r * 0.3,
      y - r * 0.38,
      r * 1.5,
      [0, mix(colour, "#ffffff", 0.8)],
      [0.38, mix(colour, "#ffffff", 0.15)],
      [1, mix(colour, "#000000", 0.22)],
    ),
  });
}

/**
 * A bulb around (x, y) that is lit for +1 and dark for -1. `glow` in 0..1 is how far it has come
 * from one to the other; `flash` in 0..1 a ring that spreads when it flips.
 */
export function bulb(pen, x, y, r, glow, colours, { flash = 0, label = "" } = {}) {
  if (glow > 0) {
    pen.circle(x, y, r * 2.3, {
      fill: radial(
        x,
        y,
        r * 2.3,
        [0.3, fade(colours.plusGlow, 0.42 * glow)],
        [0.62, fade(colours.plusGlow, 0.12 * glow)],
        [1, fade(colours.plusGlow, 0)],
      ),
    });
  }
  if (flash > 0) {
    const colour = glow > 0.5 ? colours.plus : colours.minus;
    const spread = r * (1.1 + 1.1 * (1 - flash));
    pen.circle(x, y, spread, { stroke: colour, width: 3 * flash, alpha: flash });
  }
  const neck = r * 0.46;
  const glass = mix(colours.lampOff, colours.minus, 0.28);
  const foot = y + r * 1.02;
  // The screw: three rings and a contact.
  for (let k = 0; k < 3; k++) {
    pen.rect(x - neck, foot + k * r * 0.19, 2 * neck, r * 0.15, {
      fill: linear(
        x - neck,
        0,
        x + neck,
        0,
        [0, mix(colours.soft, "#000000", 0.25)],
        [0.35, mix(colours.soft, "#ffffff", 0.45)],
        [1, mix(colours.soft, "#000000", 0.35)],
      ),
    }, r * 0.06);
  }
  pen.rect(x - neck * 0.5, foot + r * 0.58, neck, r * 0.1, { fill: colours.soft }, r * 0.05);
  const outline =
    `M${x - neck} ${foot} C${x - neck} ${y + r * 0.72} ${x - r} ${y + r * 0.55} ${x - r} ${y} ` +
    `A${r} ${r} 0 0 1 ${x + r} ${y} C${x + r} ${y + r * 0.55} ${x + neck} ${y + r * 0.72} ` +
    `${x + neck} ${foot} Z`;
  const off = [mix(glass, "#ffffff", 0.22), glass, mix(glass, "#000000", 0.25)];
  const on = ["#fff8e0", mix(colours.plusGlow, "#ffffff", 0.25), colours.plusGlow];
  const lit = off.map((colour, i) => mix(colour, on[i], glow));
  pen.shape(outline, {
    fill: radial(x - r * 0.2, y - r * 0.25, r * 1.5, [0, lit[0]], [0.5, lit[1]], [1, lit[2]]),
    stroke: mix(mix(glass, "#000000", 0.3), colours.plus, glow),
    width: 1.5,
  });
  // A window's reflection.
  pen.shape(
    `M${x - r * 0.62} ${y - r * 0.1} A${r * 0.64} ${r * 0.64} 0 0 1 ${x - r * 0.1} ${y - r * 0.62}`,
    { stroke: "#ffffff", width: r * 0.09, cap: "round", alpha: 0.55 },
  );
  if (label) {
    const fill = mix("#ffffff", "#4a2a00", glow);
    pen.text(label, x, y + r * 0.05, {
      fill, size: r * 0.72, weight: 700, align: "center", base: "middle",
    });
  }
}

/**
 * A lamp for each of `count` weights at a step, those that have just flipped in a ring; signs is
 * [step * count + weight]. Returns the share that is at +1.
 */
export function lampBoard(pen, left, top, wide, columns, signs, count, step, colours) {
  const gap = wide / columns;
  const r = gap * 0.4;
  const off = mix(colours.lampOff, colours.minus, 0.35);
  let up = 0;
  for (let i = 0; i < count; i++) {
    const x = left + ((i % columns) + 0.5) * gap;
    const y = top + (Math.floor(i / columns) + 0.5) * gap;
    const on = signs[step * count + i] > 0;
    up += on;
    pen.rect(x - r, y - r, 2 * r, 2 * r, { fill: on ? colours.plusGlow : off }, r * 0.6);
    const fresh = step > 0 && signs[(step - 1) * count + i] > 0 !== on;
    if (fresh) pen.circle(x, y, r * 1.7, { stroke: on ? colours.plus : colours.minus, width: 1.5 });
  }
  return up / count;
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
