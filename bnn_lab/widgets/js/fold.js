// A conversion as a graph of boxes, one row a layer. The knob is pulled along the passes, and boxes
// merge, move, vanish or refuse.

import schema from "./fold.json" with { type: "json" };
import { el } from "./core/dom.js";
import { explorable } from "./core/explorable.js";
import { arrow, knob, scale } from "./core/marks.js";
import { fade } from "./core/theme.js";

const NARROW = 560;
const RESTS = 0.22; // of a pass: what will change lights up before it moves
const MOVES = 0.6;
const TUG = 0.12; // of the way to the next stop: less is not a pull
const THICK = 9; // pixels of the wire that carries most
const MOST_BUTTONS = 60; // of more boxes none can be pressed: they would be too small to hit
const BOX_WIDTHS = [124, 112, 100, 88, 76, 70];

/** Boxes by name instead of by position, see `pack_steps` in fold.py. */
export function compute({ graph }) {
  const steps = graph.steps.map((step) => {
    const boxes = step.boxes.map(([number, row, reads, origins, mark]) => {
      const [op, type, bytes, constants, text] = graph.boxes[number];
      return { op, type, bytes, constants, text, row, reads, origins, mark };
    });
    return { ...step, boxes };
  });
  steps.forEach(({ boxes }, k) => {
    const next = steps[k + 1]?.boxes ?? [];
    boxes.forEach((box, i) => {
      box.becomes = next.flatMap(({ origins }, j) => (origins.includes(i) ? [j] : []));
      const [only] = box.becomes;
      box.stays =
        box.becomes.length === 1 && next[only].mark === "kept" && next[only].origins.length === 1;
    });
  });
  const widest = Math.max(1, ...steps.flatMap(({ boxes }) => boxes.map(({ bytes }) => bytes)));
  const int8 = steps.some(({ boxes }) => boxes.some((box) => kindOf(box) === "int8"));
  return { steps, int8, rows: graph.rows, inputs: graph.inputs, last: steps.length - 1, widest };
}

/** Sizes and places that do not depend on the step, so that nothing jumps. */
export function gridOf(width, graph) {
  const narrow = width < NARROW;
  const caption = narrow ? 0 : Math.min(168, width * 0.2);
  const edge = narrow ? 10 : 14;
  const most = graph.rows.map((_, row) =>
    Math.max(1, ...graph.steps.map(({ boxes }) => boxes.filter((box) => box[1] === row).length)),
  );
  const room = width - caption - 2 * edge;
  const gap = narrow ? 16 : 24;
  const fit = (box) => Math.max(1, Math.floor((room + gap) / (box + gap)));
  const box = BOX_WIDTHS.find((wide) => fit(wide) >= Math.max(...most)) ?? BOX_WIDTHS.at(-1);
  const columns = Math.min(fit(box), Math.max(...most));
  const lines = most.map((count) => Math.ceil(count / columns));
  const all = lines.reduce((sum, count) => sum + count, 0);
  // A large network gets flat boxes.
  const [high, between] = [[40, 26], [26, 16], [15, 8]].find(([h, b]) => all * (h + b) < 760) ?? [15, 8];
  const label = narrow ? 17 : 0;
  const top = narrow ? 136 : 144;
  const tops = [];
  let y = top;
  for (const count of lines) {
    tops.push(y + label);
    y += label + count * (high + 12) - 12 + between;
  }
  const left = width - edge - columns * box - (columns - 1) * gap;
  return { narrow, caption, edge, gap, box, columns, lines, high, between, label, tops, left, height: y + 6 };
}

const height = (width, state) => Math.round(gridOf(width, state.graph).height);

function layout({ state, data, width }) {
  const grid = gridOf(width, state.graph);
  const inset = grid.narrow ? 18 : 26;
  const rail = scale([0, Math.max(data.last, 1)], [inset, width - inset]);
  const places = data.steps.map((step) => placesOf(step, data.rows.length, grid));
  return { ...grid, rail, railY: 40, places };
}

/** Top left corner of each box; a row is filled from its right end, where the layer itself is. */
function placesOf({ boxes }, rows, grid) {
  const counts = Array(rows).fill(0);
  boxes.forEach(({ row }) => (counts[row] += 1));
  const seen = Array(rows).fill(0);
  return boxes.map(({ row }) => {
    const back = counts[row] - 1 - seen[row]++;
    const column = grid.columns - 1 - (back % grid.columns);
    const line = Math.ceil(counts[row] / grid.columns) - 1 - Math.floor(back / grid.columns);
    return [grid.left + column * (grid.box + grid.gap), grid.tops[row] + line * (grid.high + 12)];
  });
}

const between = (a, b, share) => a + (b - a) * share;
const ease = (share) => {
  const x = Math.min(Math.max(share, 0), 1);
  return x * x * (3 - 2 * x);
};

/** Which pass it is and how far it has come. */
function momentOf({ step, data, still }) {
  const at = Math.min(Math.max(step, 0), data.last);
  const from = Math.min(Math.floor(at + 1e-9), data.last);
  const share = still ? 0 : at - from;
  return { from, share: share < 1e-6 ? 0 : share };
}

const kindOf = ({ op, type }) =>
  op.startsWith("lq.") && type.endsWith("i32") ? "bits" : /x[u]?i8$/.test(type) ? "int8" : "float";
const inkOf = (kind, c) => ({ bits: c.plus, int8: c.formula, float: c.minus })[kind];
const tintOf = (kind, c) => ({ bits: c.plusTint, int8: c.formulaTint, float: c.minusTint })[kind];
/** An op that works on bits, whatever it writes. */
const familyOf = (box) => (box.op.startsWith("lq.") ? "bits" : kindOf(box));

function draw(pen, scene) {
  const moment = momentOf(scene);
  drawRail(pen, scene, moment);
  drawTotals(pen, scene, moment);
  drawRows(pen, scene, moment);
  if (moment.share) drawMotion(pen, scene, moment);
  else drawRest(pen, scene, moment);
}

function drawRail(pen, scene, { from, share }) {
  const { data, colours: c, layout: l, width, narrow, step } = scene;
  const { rail, railY: y } = l;
  const now = Math.min(step, data.last);
  pen.line(rail(0), y, rail(data.last), y, { stroke: c.faint, width: 4, cap: "round" });
  pen.line(rail(0), y, rail(now), y, { stroke: fade(c.accent, 0.55), width: 4, cap: "round" });
  const room = rail(1) - rail(0);
  const nearest = Math.round(now);
  data.steps.forEach(({ name, refused }, k) => {
    const past = k <= now + 1e-9;
    pen.circle(rail(k), y, 4.5, { fill: c.paper, stroke: past ? c.accent : c.soft, width: 1.6 });
    if (refused.length) cross(pen, rail(k), y + 15, 3.5, c.wrong);
    if (narrow || (room < 106 && k !== nearest)) return;
    const align = k === 0 ? "left" : k === data.last ? "right" : "center";
    const x = k === 0 ? rail(0) - 12 : k === data.last ? rail(k) + 12 : rail(k);
    const lit = k === nearest;
    pen.text(name || "float", x, y - 16, {
      fill: lit ? c.ink : c.soft, size: 11.5, weight: lit ? 700 : 400, align,
    });
  });
  knob(pen, rail(now), y, c, { r: 8, arrows: "x" });
  const k = share ? from + 1 : from;
  const { name, summary } = data.steps[k];
  const title = k ? `${k}. ${name}` : "Before the first pass";
  pen.text(title, l.edge, narrow ? 20 : 80, { fill: c.ink, size: 14, weight: 700 });
  const kinds = ["float", "int8", "bits"].filter((kind) => kind !== "int8" || data.int8);
  let right = width - l.edge;
  for (const kind of kinds.reverse()) {
    pen.text(kind, right, narrow ? 20 : 80, { fill: c.soft, size: 12, align: "right" });
    right -= pen.measure(kind, { size: 12 }) + 15;
    pen.rect(right, narrow ? 10.5 : 70.5, 10, 10, { fill: inkOf(kind, c) }, 2);
    right -= 14;
  }
  if (narrow) return;
  const start = l.edge + pen.measure(title, { size: 14, weight: 700 }) + 10;
  fitted(pen, summary, start, 80, right - start, { fill: c.soft, size: 13 });
}

function cross(pen, x, y, r, colour, width = 2) {
  pen.line(x - r, y - r, x + r, y + r, { stroke: colour, width, cap: "round" });
  pen.line(x - r, y + r, x + r, y - r, { stroke: colour, width, cap: "round" });
}

/** A text, smaller or cut if it has too little room. */
function fitted(pen, text, x, y, room, style, least = 10) {
  let { size } = style;
  const wide = pen.measure(text, style);
  if (wide > room) size = Math.max(least, (size * room) / wide);
  let shown = text;
  while (shown.length > 3 && pen.measure(shown, { ...style, size }) > room + 0.5) {
    shown = `${shown.replace(/\u2026$/, "").slice(0, -1)}\u2026`;
  }
  pen.text(shown, x, y, { ...style, size });
}

const bytesText = (bytes) =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(2)} MB` : bytes >= 1000
    ? `${(bytes / 1000).toFixed(bytes >= 1e5 ? 0 : 1)} kB` : `${Math.round(bytes)} B`;

function drawTotals(pen, { data, colours: c, layout: l, width, narrow }, { from, share }) {
  const e = ease((share - RESTS) / MOVES);
  const next = data.steps[Math.min(from + 1, data.last)];
  const [start] = data.steps;
  const room = (width - 2 * l.edge - 2 * 22) / 3;
  const totals = [
    ["ops", (step) => step.boxes.length, (value) => String(Math.round(value))],
    [narrow ? "weights" : "weights and other constants", (step) => step.constants, bytesText],
    [narrow ? "between ops" : "handed from op to op", (step) => step.moved, bytesText],
  ];
  totals.forEach(([name, of, text], i) => {
    const value = between(of(data.steps[from]), of(next), e);
    const [x, y] = [l.edge + i * (room + 22), narrow ? 82 : 106];
    const bar = (amount) => Math.max(room * Math.min(amount / Math.max(of(start), 1), 1), 2);
    pen.rect(x, y + 9, bar(of(start)), 7, { fill: c.grid }, 3);
    pen.rect(x, y + 9, bar(value), 7, { fill: c.ink, alpha: 0.75 }, 3);
    const shown = text(value);
    pen.text(shown, x, y, { fill: c.ink, size: 14, weight: 700 });
    if (narrow) {
      pen.text(name, x, y + 31, { fill: c.soft, size: 11 });
      return;
    }
    const after = x + pen.measure(shown, { size: 14, weight: 700 }) + 6;
    fitted(pen, name, after, y, x + room - after, { fill: c.soft, size: 12 }, 8.5);
  });
}

function drawRows(pen, { data, colours: c, layout: l, width, narrow }, { from, share }) {
  const e = ease((share - RESTS) / MOVES);
  const sum = (step, row) =>
    step.boxes.filter((box) => box.row === row).reduce((bytes, box) => bytes + box.constants, 0);
  const next = data.steps[Math.min(from + 1, data.last)];
  const largest = Math.max(1, ...data.rows.map((_, row) => sum(data.steps[0], row)));
  data.rows.forEach((name, row) => {
    const high = l.lines[row] * (l.high + 12) - 12;
    const [y, pad] = [l.tops[row], Math.min(7, l.between / 3)];
    const above = narrow ? 17 : pad;
    pen.rect(l.edge - 6, y - above, width - 2 * l.edge + 12, high + above + pad, { fill: c.panel }, 8);
    const bytes = between(sum(data.steps[from], row), sum(next, row), e);
    const wide = narrow ? width * 0.3 : l.caption - 22;
    const flat = l.high < 30;
    const style = { fill: c.ink, size: narrow || flat ? 11 : 12.5, weight: 600 };
    const [x, line] = [l.edge, narrow ? y - 5 : flat ? y + 11 : y + 13];
    fitted(pen, name, x, line, narrow ? width * 0.4 : flat ? wide * 0.62 : wide, style, 8.5);
    if (l.high < 20) return;
    const share0 = Math.max((wide * bytes) / largest, bytes ? 1.5 : 0);
    if (narrow) {
      const after = x + Math.min(pen.measure(name, style), width * 0.4) + 8;
      pen.text(bytesText(bytes), after, line, { fill: c.soft, size: 11 });
      return;
    }
    if (!flat) {
      pen.rect(x, line + 8, wide, 6, { fill: c.grid }, 3);
      pen.rect(x, line + 8, share0, 6, { fill: c.soft }, 3);
    }
    const [tx, ty] = flat ? [x + wide, line] : [x, line + 27];
    pen.text(bytesText(bytes), tx, ty, { fill: c.soft, size: 11, align: flat ? "right" : "left" });
  });
}

function drawRest(pen, scene, { from }) {
  const { data, layout: l, local, colours: c } = scene;
  const { boxes, refused } = data.steps[from];
  const places = l.places[from];
  drawWires(pen, scene, boxes, places, 1);
  const no = new Set(refused.map(([at]) => at));
  boxes.forEach((box, i) => {
    const chosen = local.chosen?.step === from && local.chosen.at === i;
    const fresh = from > 0 && (box.mark !== "kept" || box.origins.length > 1);
    drawBox(pen, scene, box, places[i], { fresh, refused: no.has(i), chosen });
  });
  for (const i of no) if (i >= 0) drawRefusal(pen, places[i], l, c);
}

function drawMotion(pen, scene, { from, share }) {
  const { data, layout: l, colours: c } = scene;
  const [old, next] = [data.steps[from], data.steps[from + 1]];
  const e = ease((share - RESTS) / MOVES);
  const lit = ease(share / RESTS);
  const [a, b] = [l.places[from], l.places[from + 1]];
  const toward = (i, j) => a[i].map((value, axis) => between(value, b[j][axis], e));
  const oldPlaces = old.boxes.map(({ becomes }, i) => (becomes.length ? toward(i, becomes[0]) : a[i]));
  const newPlaces = next.boxes.map(({ origins }, j) => (origins.length ? toward(origins[0], j) : b[j]));
  const becomes = ease((e - 0.62) / 0.38); // they travel as they were, and change on arrival
  drawWires(pen, scene, old.boxes, oldPlaces, 1 - e);
  drawWires(pen, scene, next.boxes, newPlaces, e);
  const moving = []; // what takes others in lies above them
  old.boxes.forEach((box, i) => {
    if (box.stays) return;
    if (!box.becomes.length) {
      const size = 1 - 0.75 * e;
      const [x, y] = [a[i][0] + (l.box * (1 - size)) / 2, a[i][1] + (l.high * (1 - size)) / 2];
      pen.group({ x, y, scale: size, alpha: 1 - e }, () =>
        drawBox(pen, scene, box, [0, 0], { fresh: lit }),
      );
    }
    for (const j of box.becomes) {
      const main = next.boxes[j].origins[0] === i;
      moving[main ? "push" : "unshift"](() =>
        drawBox(pen, scene, box, toward(i, j), { fresh: lit, alpha: 1 - becomes }),
      );
    }
  });
  moving.forEach((drawOne) => drawOne());
  const no = new Set(next.refused.map(([at]) => at));
  next.boxes.forEach((box, j) => {
    const kept = box.origins.length === 1 && old.boxes[box.origins[0]].stays;
    const shake = no.has(j) ? 5 * Math.sin(share * 40) * Math.max(0, 1 - 1.6 * share) : 0;
    const [x, y] = newPlaces[j];
    const look = kept ? { refused: no.has(j) } : { fresh: 1, alpha: becomes, refused: no.has(j) };
    drawBox(pen, scene, box, [x + shake, y], look);
    if (no.has(j)) drawRefusal(pen, [x + shake, y], l, c, lit);
  });
}

const PLAIN = /^(?:tfl|lq)\./;

/** What stands in a box: the op, and below it what it writes. */
function drawBox(pen, { colours: c, layout: l }, box, [x, y], { fresh = 0, refused, chosen, alpha = 1 }) {
  if (alpha <= 0.01) return;
  const family = familyOf(box);
  const stroke = refused ? c.wrong : chosen ? c.accent : inkOf(family, c);
  const strong = chosen || refused ? 2.6 : 1.2 + 1.2 * Number(fresh);
  const radius = Math.min(8, l.high / 3);
  pen.group({ alpha }, () => {
    pen.rect(x, y, l.box, l.high, { fill: c.paper }, radius);
    pen.rect(x, y, l.box, l.high, { fill: tintOf(family, c), stroke, width: strong }, radius);
    if (l.high < 20) {
      if (l.box > 90) boxText(pen, box.op.replace(PLAIN, ""), x, y + l.high / 2, l.box, c.ink, 9.5, 600);
      return;
    }
    const two = l.high > 34;
    const middle = y + l.high / 2;
    boxText(pen, box.op.replace(PLAIN, ""), x, two ? middle - 7 : middle, l.box, c.ink, 12.5, 600);
    if (two) boxText(pen, typeText(box), x, middle + 9, l.box, c.soft, 10.5, 400);
  });
}

function boxText(pen, text, x, y, room, fill, size, weight) {
  const style = { fill, size, weight, align: "center", base: "middle" };
  fitted(pen, text, x + room / 2, y, room - 6, style, 6.6);
}

/** "1x8x8x4xi32" as a reader says it. */
function typeText(box) {
  const parts = box.type.split("x");
  const element = parts.pop();
  const sizes = parts.length > 1 && parts[0] === "1" ? parts.slice(1) : parts;
  const kind = kindOf(box) === "bits" ? "words" : { f32: "float" }[element] ?? element.replace("i8", "int8");
  return `${sizes.join("\u00d7")} ${kind}`;
}

function drawRefusal(pen, [x, y], l, c, alpha = 1) {
  const r = Math.min(8, l.high / 3);
  pen.group({ x: x + l.box - r / 2, y: y + r / 2 - 1, alpha }, () => {
    pen.circle(0, 0, r, { fill: c.wrong, stroke: c.paper, width: 1.5 });
    cross(pen, 0, 0, r * 0.38, c.paper, 1.8);
  });
}

function drawWires(pen, scene, boxes, places, alpha) {
  if (alpha <= 0.01) return;
  const { data, colours: c, layout: l, state } = scene;
  const arriving = new Map();
  boxes.forEach((box, j) =>
    box.reads.forEach((source, k) => {
      if (source < 0) return drawInput(pen, scene, data.inputs[-1 - source], places[j], k, alpha);
      const first = !arriving.has(j);
      arriving.set(j, true);
      const { bytes } = boxes[source];
      const width = state.widths ? Math.max(1.4, THICK * Math.sqrt(bytes / data.widest)) : 1.8;
      const colour = inkOf(kindOf(boxes[source]), c);
      wire(pen, l, places[source], places[j], {
        colour,
        width,
        alpha: alpha * 0.75,
        lane: first ? 0 : k,
        next: source === j - 1,
        sameRow: boxes[source].row === box.row,
      });
    }),
  );
}

function drawInput(pen, { colours: c, layout: l }, name, [x, y], k, alpha) {
  if (k || l.high < 20) return;
  const room = Math.max(l.gap + 14, 30);
  const middle = y + l.high / 2;
  arrow(pen, x - room, middle, x - 1, middle, { colour: c.soft, width: 1.8, head: 7, alpha });
  pen.text(name, x - room - 5, middle, {
    fill: c.soft, size: l.narrow ? 10.5 : 12, align: "right", base: "middle", alpha,
  });
}

/** From a box to the next one, straight or around a corner; a shortcut goes beside those between. */
function wire(pen, l, [ax, ay], [bx, by], { colour, width, alpha, lane, next, sameRow }) {
  const head = Math.max(7, width * 1.5);
  const style = { colour, width, head, alpha };
  const [middle, half] = [l.high / 2, l.box / 2];
  if (!next) {
    const line = { stroke: colour, width: Math.min(width, 2.5), alpha };
    const side = Math.min(ax, bx) - l.gap / 2 - 5 * lane;
    const above = Math.abs(ay - by) < 1;
    const bow = above ? ay - 6 : ay + l.high + l.between / 2 - 3 * lane;
    const d = above
      ? rounded([ax + half, ay], [ax + half, bow], [bx + half, bow], [bx + half, by])
      : rounded([ax + half, ay + l.high], [ax + half, bow], [side, bow], [side, by + middle], [bx, by + middle]);
    pen.shape(d, line);
    return;
  }
  if (Math.abs(ay - by) < 1) {
    // Two that merge have no room for an arrow.
    if (bx - ax > l.box + 3) arrow(pen, ax + l.box, ay + middle, bx - 1, by + middle, style);
    return;
  }
  const [x1, y1, x2, y2] = [ax + half, ay + l.high, bx + half, by - 1];
  if (y2 - y1 < 4) return;
  if (Math.abs(x1 - x2) < 1) {
    arrow(pen, x1, y1, x2, y2, style);
    return;
  }
  const tip = y2 - head * 0.8;
  const gap = sameRow ? 6 : l.label + l.between / 2;
  const bend = Math.max(by - gap, y1 + 3);
  const way = rounded([x1, y1], [x1, bend], [x2, bend], [x2, Math.max(tip, bend)]);
  pen.shape(way, { stroke: colour, width, alpha });
  arrow(pen, x2, tip - 1, x2, y2, style);
}

/** A way through points, its corners rounded. */
function rounded(...points) {
  const n = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const toward = ([x, y], [u, v], share) => [x + (u - x) * share, y + (v - y) * share];
  const parts = [`M${n(points[0])}`];
  for (let i = 1; i < points.length - 1; i++) {
    const [before, at, after] = points.slice(i - 1, i + 2);
    const lengths = [before, after].map(([x, y]) => Math.hypot(x - at[0], y - at[1]));
    const r = Math.min(8, lengths[0] / 2, lengths[1] / 2);
    const [into, out] = [before, after].map((end, k) => toward(at, end, lengths[k] ? r / lengths[k] : 0));
    parts.push(`L${n(into)}Q${n(at)} ${n(out)}`);
  }
  return `${parts.join("")}L${n(points.at(-1))}`;
}

function handles(scene) {
  const { data, layout: l, step, local } = scene;
  const now = Math.min(step, data.last);
  const { from, share } = momentOf(scene);
  const { name } = data.steps[Math.round(now)];
  const list = [
    {
      id: "pass",
      label: "pass that is shown",
      help: "pull it along the passes",
      x: l.rail(now),
      y: l.railY,
      axis: "x",
      reach: 24,
      invite: true,
      value: now,
      low: 0,
      high: data.last,
      step: 1,
      text: name ? `${Math.round(now)}, ${name}` : "before the first pass",
      from: (px) => l.rail.invert(px),
      set: (value, view) => view.player.seek(Math.min(Math.max(value, 0), data.last)),
      grab: (view) => (view.pulledFrom = view.player.step),
      release: (view) => view.player.seek(stopOf(view.player.step, view.pulledFrom)),
    },
  ];
  const { boxes } = data.steps[from];
  if (share || boxes.length > MOST_BUTTONS) return list;
  boxes.forEach((box, i) => {
    const pressed = local.chosen?.step === from && local.chosen.at === i;
    list.push({
      id: `box-${i}`,
      kind: "button",
      label: `${box.op}, ${data.rows[box.row]}`,
      help: `${box.op} of ${data.rows[box.row]}: its line of IR`,
      x: l.places[from][i][0],
      y: l.places[from][i][1],
      width: l.box,
      height: l.high,
      pressed,
      press: (view) => (view.local.chosen = pressed ? null : { step: from, at: i }),
    });
  });
  return list;
}

/** Where the knob comes to rest: a small pull is enough for the next stop. */
function stopOf(step, start) {
  if (Math.abs(step - start) < TUG) return Math.round(start);
  return step > start ? Math.ceil(step - TUG) : Math.floor(step + TUG);
}

function panel() {
  const heading = el("p", { class: "quiet" });
  const list = el("ul", { class: "outcomes" });
  const text = el("pre", { tabindex: "0", "aria-label": "IR text" });
  const title = el("summary", {}, "The IR text");
  const fold = el("details", { class: "more" }, title, text);
  const element = el("div", { class: "fold" }, el("style", {}, STYLE), list, heading, fold);
  let shown = "";
  return {
    element,
    update(scene) {
      const { data, local, state } = scene;
      const { from, share } = momentOf(scene);
      const k = share > RESTS ? from + 1 : from;
      const chosen = local.chosen?.step === k ? local.chosen.at : null;
      const key = `${k} ${chosen}`;
      if (shown.key === key && shown.graph === state.graph) return;
      shown = { key, graph: state.graph };
      const step = data.steps[k];
      const entry = (kind, line) => el("li", { class: kind }, el("b", {}, kind), ` ${line}`);
      list.replaceChildren(
        ...step.refused.map(([, line]) => entry("refused", line)),
        ...shortened(step.applied).map((line) => entry("applied", line)),
      );
      const { quiet } = step;
      heading.textContent = quiet.length
        ? `Before it, ${quiet.length === 1 ? "one pass" : `${quiet.length} passes`} found nothing to do here: ${quiet.join(", ")}.`
        : "";
      heading.style.display = quiet.length ? "" : "none";
      const what = chosen === null ? (k ? "of this pass" : "at the start") : `of this box`;
      title.textContent = `The IR text ${what}`;
      text.replaceChildren(...linesOf(data, k, chosen).map(([sign, line]) => lineOf(sign, line)));
    },
  };
}

function shortened(lines, most = 12) {
  const more = lines.length - most;
  return more > 1 ? [...lines.slice(0, most), `and ${more} more`] : lines;
}

function lineOf(sign, line) {
  const kind = { "\u2212": "gone", "+": "new" }[sign] ?? "same";
  return el("span", { class: kind }, `${sign} ${line}\n`);
}

/** [sign, line]: what went and what came in a step, or of one box alone. */
export function linesOf({ steps }, k, chosen = null) {
  const old = steps[k - 1]?.boxes ?? [];
  const lines = [];
  const written = new Set();
  const drop = (i) => {
    if (!written.has(i)) lines.push(["\u2212", old[i].text]);
    written.add(i);
  };
  steps[k].boxes.forEach((box, j) => {
    const { origins } = box;
    if (chosen === null) {
      // What nothing came from goes before what stood after it.
      old.forEach(({ becomes }, i) => i < (origins[0] ?? -1) && !becomes.length && drop(i));
    } else if (j !== chosen) return;
    if (!k || (box.mark === "kept" && origins.length === 1)) lines.push([" ", box.text]);
    else {
      [...origins].sort((a, b) => a - b).forEach(drop);
      lines.push(["+", box.text]);
    }
  });
  if (chosen === null) old.forEach(({ becomes }, i) => becomes.length || drop(i));
  return lines;
}

const STYLE = `
.fold { font-size: 13.5px; }
.fold ul { list-style: none; margin: 4px 2px 0; padding: 0; }
.fold li { margin: 3px 0; padding-left: 5.2em; text-indent: -5.2em; overflow-wrap: anywhere; }
.fold li b { display: inline-block; width: 5.2em; text-indent: 0; font-weight: 600; color: var(--soft); }
.fold li.refused b { color: var(--wrong); }
.fold .quiet { margin: 4px 2px 0; color: var(--soft); }
.fold pre { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow: auto; max-height: 24em; white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0 0; padding: 8px 10px; background: var(--panel);
  border-radius: 8px; }
.fold pre .gone { color: var(--wrong); }
.fold pre .new { color: var(--good); font-weight: 600; }
.fold pre .same { color: var(--soft); }
`;

function describe(scene) {
  const { data } = scene;
  const { from, share } = momentOf(scene);
  const k = share > RESTS ? from + 1 : from;
  const { name, summary, boxes, applied, refused, constants, moved } = data.steps[k];
  const size = `${boxes.length} ops, ${bytesText(constants)} of constants, ${bytesText(moved)} handed from op to op`;
  if (!k) {
    return `${summary} of this network: ${size}. Pull the knob: each of the ${data.last} stops is a pass that finds something to do.`;
  }
  const did = `Applied ${times(applied.length)}, refused ${times(refused.length)}`;
  return `Pass ${k} of ${data.last}, ${name}: ${summary}. ${did}; now ${size}.`;
}

const times = (count) => ["never", "once", "twice"][count] ?? `${count} times`;

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  describe,
  panel,
  local: () => ({ chosen: null }),
  player: {
    steps: ({ graph }) => graph.steps.length - 1,
    speeds: [0.25, 0.6, 1.5],
    speed: 0,
    unit: "pass",
    glides: true,
  },
});
