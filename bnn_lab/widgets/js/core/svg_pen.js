// The pen that writes SVG; see pen.js. No page loads it.

import { MONO } from "./pen.js";

export class SvgPen {
  constructor(font) {
    this.font = font;
    this.parts = [];
    this.definitions = [];
    this.bodies = new Set(); // what stands in several places is written once
    this.lines = { paint: null, at: -1 };
  }

  /** The whole picture. */
  svg(width, height, title, background) {
    const name = escape(title);
    const text = (
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
      `height="${height}" role="img" aria-label="${name}" ` +
      `font-family="${escape(this.font)}" stroke-linejoin="round"><title>${name}</title>` +
      `<defs>${this.definitions.join("")}</defs>` +
      `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>` +
      `${this.parts.join("")}</svg>`
    );
    return text.replaceAll('"', "'"); // a notebook, which is JSON, would escape each of the others
  }

  line(x1, y1, x2, y2, style) {
    const paint = this._paint(style);
    const d = `M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}`;
    const { lines, parts } = this;
    // Lines of one look that follow each other are one path.
    if (lines.paint === paint && lines.at === parts.length - 1) lines.d += d;
    else Object.assign(lines, { paint, d, at: parts.push("") - 1 });
    parts[lines.at] = `<path d="${lines.d}"${paint}/>`;
  }

  path(points, style, closed = false) {
    if (points.length < 2) return;
    // Steps are shorter than places.
    let [x0, y0] = [n(points[0]), n(points[1])];
    const steps = [];
    for (let i = 2; i < points.length; i += 2) {
      const [x, y] = [n(points[i]), n(points[i + 1])];
      steps.push(`${n(x - x0)} ${n(y - y0)}`);
      [x0, y0] = [x, y];
    }
    const start = `M${n(points[0])} ${n(points[1])}${steps.length ? "l" : ""}`;
    const d = `${start}${steps.join(" ").replaceAll(" -", "-")}${closed ? "z" : ""}`;
    this.parts.push(`<path d="${d}"${this._paint(style)}/>`);
  }

  shape(d, style) {
    this.parts.push(`<path d="${d}"${this._paint(style)}/>`);
  }

  circle(x, y, r, style) {
    this.parts.push(
      `<circle cx="${n(x)}" cy="${n(y)}" r="${n(Math.max(r, 0))}"${this._paint(style)}/>`,
    );
  }

  rect(x, y, width, height, style, radius = 0) {
    const round = radius ? ` rx="${n(Math.min(radius, width / 2, height / 2))}"` : "";
    const size = `width="${n(Math.max(width, 0))}" height="${n(Math.max(height, 0))}"`;
    this.parts.push(`<rect x="${n(x)}" y="${n(y)}" ${size}${round}${this._paint(style)}/>`);
  }

  squares(centres, side, { fill, ...more }) {
    if (!centres.length) return;
    // A square is a piece of a line as thick as it is long: two numbers for most of them.
    const size = n(side);
    const d = [];
    let [x0, y0] = [0, 0];
    for (let i = 0; i < centres.length; i += 2) {
      const [x, y] = [n(centres[i] - side / 2), n(centres[i + 1])];
      d.push(`${shorter(`M${x} ${y}`, i ? `m${n(x - x0)} ${n(y - y0)}` : "")}h${size}`);
      [x0, y0] = [n(x + size), y];
    }
    this.parts.push(`<path d="${d.join("")}"${this._paint({ ...more, stroke: fill, width: side })}/>`);
  }

  bars(ends, style) {
    const lines = [];
    for (let i = 0; i < ends.length; i += 3) {
      lines.push(`M${n(ends[i])} ${n(ends[i + 1])}V${n(ends[i + 2])}`);
    }
    if (lines.length) this.parts.push(`<path d="${lines.join("")}"${this._paint(style)}/>`);
  }

  text(text, x, y, style) {
    const { size = 13, weight = 400, align = "left", base = "alphabetic", italic, mono } = style;
    const { fill, halo, alpha = 1 } = style;
    const anchor = { left: "start", center: "middle", right: "end" }[align];
    const drop = { alphabetic: 0, middle: 0.35, top: 0.8, bottom: -0.2 }[base] * size;
    const more =
      (weight === 400 ? "" : ` font-weight="${weight}"`) +
      (italic ? ' font-style="italic"' : "") +
      (mono ? ` font-family="${escape(MONO)}"` : "") +
      (alpha === 1 ? "" : ` opacity="${share(alpha)}"`) +
      (halo ? ` stroke="${halo}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"` : "");
    this.parts.push(
      `<text x="${n(x)}" y="${n(y + drop)}" font-size="${size}" text-anchor="${anchor}" ` +
        `fill="${fill}"${more}>${escape(text)}</text>`,
    );
  }

  measure(text, { size = 13, weight = 400 } = {}) {
    return (weight < 600 ? 0.55 : 0.62) * size * String(text).length; // no font here to ask
  }

  group({ x = 0, y = 0, turn = 0, scale = 1, clip, alpha = 1 }, draw) {
    const outer = [];
    if (clip) {
      const [left, top, width, height] = clip.map(n);
      const box = `x="${left}" y="${top}" width="${width}" height="${height}"`;
      outer.push(`clip-path="url(#${this._define((id) => clipOf(id, box))})"`);
    }
    if (alpha !== 1) outer.push(`opacity="${share(alpha)}"`);
    const moves = [];
    if (x || y) moves.push(`translate(${n(x)} ${n(y)})`);
    if (turn) moves.push(`rotate(${n((turn * 180) / Math.PI)})`);
    if (scale !== 1) moves.push(`scale(${share(scale)})`);
    const move = moves.length ? ` transform="${moves.join(" ")}"` : "";
    const { parts } = this;
    this.parts = [];
    this.lines.at = -1;
    draw();
    const body = this.parts.join("");
    this.parts = parts;
    this.lines.at = -1;
    const inside = this._once(body, move);
    // A clip holds for the frame outside, whatever moves within.
    parts.push(outer.length ? `<g ${outer.join(" ")}>${inside}</g>` : inside);
  }

  /** A moved body; one that is there already, such as a second bulb, is only referred to. */
  _once(body, move) {
    if (body.length < 200) return move ? `<g${move}>${body}</g>` : body;
    const id = `e${hashText(body)}`;
    if (this.bodies.has(id)) return `<use href="#${id}"${move}/>`;
    this.bodies.add(id);
    return `<g${move}><g id="${id}">${body}</g></g>`;
  }

  pixels(width, height, rgba, x, y, w, h) {
    // The commonest colour as one box, and on it a path for each other one: runs of its pixels as
    // lines in a grid of whole numbers, along the rows or the columns, whichever is shorter.
    const counts = new Map();
    for (let i = 0; i < width * height; i++) {
      const colour = colourAt(rgba, i);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    const [most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    const flat = runs(width, height, (x, y) => colourAt(rgba, y * width + x));
    const upright = runs(height, width, (y, x) => colourAt(rgba, y * width + x), true);
    const size = [w / width, h / height];
    const grid = `translate(${n(x)} ${n(y + size[1] / 2)}) scale(${size.map(share).join(" ")})`;
    const lines = [...counts.keys()]
      .filter((colour) => colour !== most)
      .map((colour) => {
        const down = `d="${upright.get(colour)}" transform="translate(.5 -.5)"`;
        return `<path ${shorter(`d="${flat.get(colour)}"`, down)} stroke="${colour}"/>`;
      });
    this.rect(x, y, w, h, { fill: most });
    this.parts.push(`<g transform="${grid}" shape-rendering="crispEdges">${lines.join("")}</g>`);
  }

  _paint({ fill, stroke, width = 1, dash, cap = "butt", join = "round", alpha = 1 }) {
    let text = ` fill="${fill ? this._colour(fill) : "none"}"`;
    if (stroke) {
      text += ` stroke="${this._colour(stroke)}"`;
      if (width !== 1) text += ` stroke-width="${n(width)}"`;
      if (join !== "round") text += ` stroke-linejoin="${join}"`;
      if (cap !== "butt") text += ` stroke-linecap="${cap}"`;
      if (dash?.length) text += ` stroke-dasharray="${dash.map(n).join(" ")}"`;
    }
    return alpha === 1 ? text : `${text} opacity="${share(alpha)}"`;
  }

  _colour(fill) {
    if (typeof fill === "string") return fill;
    const stops = fill.stops
      .map(([at, colour]) => `<stop offset="${share(at)}" stop-color="${colour}"/>`)
      .join("");
    const numbers = (fill.linear ?? fill.radial).map(n);
    const at = fill.linear
      ? ["x1", "y1", "x2", "y2"].map((key, i) => `${key}="${numbers[i]}"`)
      : ["cx", "cy", "r"].map((key, i) => `${key}="${numbers[i]}"`);
    const kind = fill.linear ? "linearGradient" : "radialGradient";
    const id = this._define(
      (id) => `<${kind} id="${id}" gradientUnits="userSpaceOnUse" ${at.join(" ")}>${stops}</${kind}>`,
    );
    return `url(#${id})`;
  }

  /** An element of <defs>; one that is there already serves again. */
  _define(make) {
    const text = make("ID");
    // Several pictures stand in one page: a name must be of one picture and content alone.
    const id = `e${hashText(text)}`;
    const definition = make(id);
    if (!this.definitions.includes(definition)) this.definitions.push(definition);
    return id;
  }
}

/** Pixels: a tenth is enough. */
function n(value) {
  return Number(value.toFixed(1));
}

/** A share in 0..1. */
function share(value) {
  return Number(value.toFixed(3));
}

function escape(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (sign) => names[sign]);
}

function clipOf(id, box) {
  return `<clipPath id="${id}"><rect ${box}/></clipPath>`;
}

/** Colour to the path of its runs, each along a row; with `turned`, x and y change places. */
function runs(width, height, colourOf, turned = false) {
  const paths = new Map();
  const ends = new Map(); // of each path: where its last line ends
  const pair = (x, y) => (turned ? `${y} ${x}` : `${x} ${y}`);
  for (let row = 0; row < height; row++) {
    for (let from = 0, to; from < width; from = to) {
      const colour = colourOf(from, row);
      for (to = from + 1; to < width && colourOf(to, row) === colour; ) to++;
      const end = ends.get(colour);
      const moved = end ? `m${pair(from - end[0], row - end[1])}` : "";
      const start = shorter(`M${pair(from, row)}`, moved);
      paths.set(colour, `${paths.get(colour) ?? ""}${start}${turned ? "v" : "h"}${to - from}`);
      ends.set(colour, [to, row]);
    }
  }
  return paths;
}

/** The shorter of two texts; "" counts as none. */
function shorter(one, other) {
  return other && other.length < one.length ? other : one;
}

function colourAt(rgba, index) {
  const [r, g, b, a] = rgba.subarray(4 * index, 4 * index + 4);
  return a === 255 ? `rgb(${r},${g},${b})` : `rgba(${r},${g},${b},${share(a / 255)})`;
}

function hashText(text) {
  let hash = 5381;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 33) ^ text.charCodeAt(i)) >>> 0;
  return hash.toString(36);
}
