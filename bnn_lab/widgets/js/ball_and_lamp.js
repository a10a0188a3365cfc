// A latent weight as a ball: gradients kick it, its height over 0 is its inertia, and a lamp shows
// the one thing that the network sees of it, its sign. Below, when 400 weights first flip.

import schema from "./ball_and_lamp.json" with { type: "json" };
import { inverseGaussianDensity, latentFirstFlip } from "./core/closed_forms.js";
import { explorable } from "./core/explorable.js";
import { arrow, axisX, axisY, ball, bulb, hatch, knob, lampBoard, scale, spring } from "./core/marks.js";
import { driftOf, simulateLatent } from "./core/simulate.js";
import { format } from "./core/state.js";
import { fade, mix } from "./core/theme.js";

export const STEPS = 400;
export const WEIGHTS = 400;
const BIN = 10;
const OTHERS = 12; // trails beside the ball's
const TALLEST = 2.2; // latent weight at the upper edge
const BASE_RATE = 0.05; // the learning rate at which both ways to measure height look alike

/** All weights' run, when they first flip, and when the formula says they should. */
export function compute(state) {
  const { noise, seed, turn } = state;
  const drift = driftOf(state.drift, STEPS, turn);
  const run = simulateLatent(state, { steps: STEPS, weights: WEIGHTS, drift, noise, seed });
  const start = state.clip === null ? state.initial : Math.min(state.initial, state.clip);
  const [mean] = latentFirstFlip(start, state.learning_rate, state.drift, noise);
  // Round steps lie in the middle of a bin.
  const bins = Array.from({ length: STEPS / BIN + 1 }, (_, i) => ({ at: i * BIN, share: 0 }));
  for (let step = 1; step <= (turn ? STEPS / 2 : STEPS); step++) {
    let density = step === Math.floor(mean) + 1 ? 1 : 0;
    if (noise > 0) {
      density = inverseGaussianDensity(step, start, state.learning_rate, state.drift, noise);
    }
    bins[binOf(step)].share += density;
  }
  const counts = countsUntil(run.firstFlips, STEPS);
  const highest = Math.max(...counts.map((count) => count / WEIGHTS), ...bins.map((b) => b.share));
  return { run, start, mean, bins, counts, highest };
}

function binOf(step) {
  return Math.floor((step + BIN / 2 - 0.5) / BIN);
}

function countsUntil(firstFlips, step) {
  const counts = new Array(STEPS / BIN + 1).fill(0);
  for (const first of firstFlips) if (first <= step) counts[binOf(first)]++;
  return counts;
}

/** The ball's latent weight at each step: weight 0, from where a hand has put it. */
function ballPath({ state, data, local }) {
  const { hand } = local;
  if (local.path && local.pathOf === data && local.pathHand === hand) return local.path;
  const { watched, gradients } = data.run;
  const path = Float64Array.from({ length: STEPS + 1 }, (_, step) => watched[step * WEIGHTS]);
  if (hand) {
    const { learning_rate: rate, momentum, decay, clip } = state;
    let velocity = 0;
    path[hand.step] = hand.value;
    for (let step = hand.step; step < STEPS; step++) {
      velocity = momentum * velocity + gradients[step * WEIGHTS];
      const latent = (1 - decay) * path[step] - rate * velocity;
      path[step + 1] = clip === null ? latent : Math.min(Math.max(latent, -clip), clip);
    }
  }
  Object.assign(local, { path, pathOf: data, pathHand: hand });
  return path;
}

function height(width) {
  return width < 560 ? 548 : 486;
}

function layout(scene) {
  const { state, width, narrow } = scene;
  const side = narrow ? 0 : Math.min(Math.max(width * 0.2, 150), 216);
  const left = narrow ? 40 : 54;
  const right = width - (narrow ? 12 : side + 30);
  const [top, middle] = narrow ? [14, 236] : [14, 290];
  const strip = middle + 22; // middle of the row of kicks
  const [under, bottom] = narrow ? [284, 372] : [340, 444];
  const x = scale([0, STEPS], [left + 16, right]);
  const tallest = state.in_kicks ? TALLEST / BASE_RATE : TALLEST;
  const unit = state.in_kicks ? state.learning_rate : 1; // latent weight of one unit of the axis
  const axis = scale([-tallest * 0.62, tallest], [middle, top]);
  const y = (latent) => axis(latent / unit);
  y.invert = (pixel) => axis.invert(pixel) * unit;
  const peak = Math.max(0.04, scene.data.highest * 1.12);
  const share = scale([0, peak], [bottom, under]);
  return { left, right, top, middle, strip, under, bottom, side, x, y, axis, share };
}

/** Where the ball is, between two steps, too. */
function ballAt(scene) {
  const path = ballPath(scene);
  const step = Math.min(Math.floor(scene.step + 1e-9), STEPS);
  const rest = scene.still ? 0 : scene.step - step;
  const next = path[Math.min(step + 1, STEPS)];
  // A kick is short: the ball moves in the first half of a step, then rests.
  const moved = Math.min(1, rest * 2);
  const latent = path[step] + (next - path[step]) * (1 - (1 - moved) ** 3);
  return { step, latent, last: step > 0 ? path[step] - path[step - 1] : 0, path };
}

function draw(pen, scene) {
  const at = ballAt(scene);
  drawHalves(pen, scene);
  drawTrails(pen, scene, at);
  drawWalls(pen, scene);
  drawDue(pen, scene);
  drawKicks(pen, scene, at);
  drawHistogram(pen, scene, at);
  drawPlayhead(pen, scene);
  drawBall(pen, scene, at);
  return drawLamps(pen, scene, at);
}

function drawHalves(pen, { state, colours: c, layout: l, narrow }) {
  const zero = l.y(0);
  const wide = l.right - l.left;
  pen.rect(l.left, l.top, wide, zero - l.top, { fill: c.plusTint });
  pen.rect(l.left, zero, wide, l.middle - zero, { fill: c.minusTint });
  axisY(pen, l.axis, l.left, c, { count: 5, lines: l.right });
  pen.line(l.left, zero, l.right, zero, { stroke: c.ink, width: 1.5 });
  pen.group({ x: narrow ? 10 : 14, y: (l.top + l.middle) / 2, turn: -Math.PI / 2 }, () => {
    const ratio = narrow ? "latent weight in kicks" : "latent weight / learning rate";
    const title = state.in_kicks ? ratio : "latent weight";
    pen.text(title, 0, 0, { fill: c.soft, size: 12, align: "center", base: "middle" });
  });
}

/** Which half means what; inside the walls, where there are any. */
function drawSides(pen, { colours: c, layout: l, narrow }, up, down) {
  const style = { size: narrow ? 12 : 13, weight: 600, align: "right" };
  pen.text("the network sees +1", l.right - 10, up + 20, { ...style, fill: c.plus });
  pen.text("the network sees \u22121", l.right - 10, down - 11, { ...style, fill: c.minus });
}

function drawTrails(pen, scene, at) {
  const { colours: c, layout: l, data, ghost } = scene;
  const zero = l.y(0);
  const box = [l.left, l.top, l.right - l.left, l.middle - l.top];
  pen.group({ clip: box }, () => {
    if (ghost?.data && ghost.data !== data) {
      pen.path(polyline(l, (step) => ghost.data.run.watched[step * WEIGHTS], STEPS), {
        stroke: c.ghost, width: 1.2, dash: [3, 3],
      });
    }
    for (let i = 1; i <= OTHERS; i++) {
      pen.path(polyline(l, (step) => data.run.watched[step * WEIGHTS + i], at.step), {
        stroke: c.soft, width: 0.8, alpha: 0.3,
      });
    }
  });
  const trail = [...polyline(l, (step) => at.path[step], at.step), l.x(scene.step), l.y(at.latent)];
  const halves = [
    [[l.left, l.top, box[2], zero - l.top], c.plus],
    [[l.left, zero, box[2], l.middle - zero], c.minus],
  ];
  for (const [clip, colour] of halves) {
    pen.group({ clip }, () => pen.path(trail, { stroke: colour, width: 2.2 }));
  }
}

function polyline(l, value, until) {
  const points = [];
  for (let step = 0; step <= until; step++) points.push(l.x(step), l.y(value(step)));
  return points;
}

function drawWalls(pen, scene) {
  const { state, colours: c, layout: l } = scene;
  if (state.clip === null) return drawSides(pen, scene, l.top, l.middle);
  const wide = l.right - l.left;
  const up = Math.max(l.y(state.clip), l.top);
  const down = Math.min(l.y(-state.clip), l.middle);
  const solid = fade(mix(c.soft, c.paper, 0.2), 0.28);
  for (const [y, size] of [[l.top, up - l.top], [down, l.middle - down]]) {
    pen.rect(l.left, y, wide, size, { fill: solid });
    hatch(pen, [l.left, y, wide, size], fade(c.ink, 0.16));
  }
  if (down - up > 90) drawSides(pen, scene, up, down);
  for (const y of [up, down]) {
    if (y > l.top && y < l.middle) pen.line(l.left, y, l.right, y, { stroke: c.ink, width: 3 });
  }
  if (up > l.top) knob(pen, wallAt(l), up, c, { colour: c.ink, r: 6, arrows: "y" });
}

function wallAt(l) {
  return l.left + (l.right - l.left) * 0.62;
}

/** The mean path, and the step at which it reaches 0: it can be dragged. */
function drawDue(pen, { state, colours: c, layout: l, data }) {
  const due = data.start / (state.learning_rate * state.drift);
  const zero = l.y(0);
  pen.group({ clip: [l.left, l.top, l.right - l.left, l.middle - l.top] }, () => {
    pen.line(l.x(0), l.y(data.start), l.x(due), zero, {
      stroke: c.formula, width: 1.6, dash: [6, 5],
    });
  });
  const x = dueAt(state, data, l);
  knob(pen, x, zero, c, { colour: c.formula, r: 6, arrows: "x" });
  const text = due < 9999 ? `due at ${Math.round(due)}` : "due much later";
  const align = x > l.right - 60 ? "right" : "center";
  pen.text(text, align === "right" ? l.right - 4 : x, zero + 23, {
    fill: c.formula, size: 12, weight: 600, align, halo: c.minusTint,
  });
}

function dueAt(state, data, l) {
  return Math.min(l.x(data.start / (state.learning_rate * state.drift)), l.right - 8);
}

/** The ball's gradients: those that push it down hang down. */
function drawKicks(pen, { colours: c, layout: l, data, narrow, step }, at) {
  const tallest = 18;
  const most = 3; // gradient that fills the row
  const size = (kick) => Math.max(-tallest, Math.min(tallest, (kick / most) * tallest));
  pen.line(l.left, l.strip, l.right, l.strip, { stroke: c.grid });
  const width = Math.max(1, ((l.right - l.left) / STEPS) * 0.7);
  const bars = [];
  for (let k = 0; k < at.step; k++) {
    bars.push(l.x(k + 1), l.strip, l.strip + size(data.run.gradients[k * WEIGHTS]));
  }
  pen.bars(bars, { stroke: c.kick, width, alpha: 0.55 });
  pen.bars(bars.slice(-3), { stroke: c.kick, width: 3 });
  if (!narrow || step < STEPS * 0.6) {
    pen.text("kicks: the gradients", l.right - 10, l.strip - 3, {
      fill: c.kick, size: 12, align: "right", halo: c.paper, alpha: step > STEPS * 0.75 ? 0 : 1,
    });
  }
}

function drawHistogram(pen, scene, at) {
  const { colours: c, layout: l, data, ghost, state, narrow } = scene;
  const counts = countsUntil(data.run.firstFlips, at.step);
  const half = ((l.x(BIN) - l.x(0)) / 2) * 0.86;
  pen.line(l.left, l.bottom, l.right, l.bottom, { stroke: c.faint });
  const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;
  axisY(pen, l.share, l.left, c, { count: 2, lines: l.right, format: percent });
  pen.group({ clip: [l.left, l.under - 4, l.right - l.left, l.bottom - l.under + 4] }, () => {
    counts.forEach((count, i) => {
      const y = l.share(count / WEIGHTS);
      const box = [l.x(i * BIN) - half, y, 2 * half, l.bottom - y];
      if (count) pen.rect(...box, { fill: fade(c.minus, 0.62) }, 2);
    });
    if (ghost?.data && ghost.data !== data) {
      const outline = [];
      ghost.data.counts.forEach((count, i) => {
        const y = l.share(count / WEIGHTS);
        outline.push(l.x((i - 0.5) * BIN), y, l.x((i + 0.5) * BIN), y);
      });
      pen.path(outline, { stroke: c.ghost, width: 1.2, dash: [3, 3] });
    }
    const curve = data.bins.flatMap(({ at: step, share }) => [l.x(step), l.share(share)]);
    pen.path(curve, { stroke: c.formula, width: 2.4, alpha: isPlain(state) ? 1 : 0.3 });
  });
  const title = { size: 12, align: "right", base: "middle", halo: c.paper };
  const formula = isPlain(state) ? "formula" : "formula without walls, spring, flywheel";
  pen.text(narrow && !isPlain(state) ? "plain formula" : formula, l.right - 10, l.under + 22, {
    ...title, fill: c.formula,
  });
  pen.text("first flips of 400 weights", l.right - 10, l.under + 6, { ...title, fill: c.minus });
  axisX(pen, l.x, l.bottom, c, { count: narrow ? 4 : 8, title: "step" });
}

/** Whether the formula is about this: SGD without any extras. */
function isPlain(state) {
  return state.clip === null && !state.decay && !state.momentum;
}

function drawPlayhead(pen, { colours: c, layout: l, step }) {
  const x = l.x(step);
  pen.line(x, l.top, x, l.bottom, { stroke: c.ink, width: 1, alpha: 0.35 });
}

function drawBall(pen, scene, at) {
  const { state, colours: c, layout: l } = scene;
  const x = l.x(scene.step);
  const zero = l.y(0);
  const y = Math.min(Math.max(l.y(at.latent), l.top + 4), l.middle - 4);
  const colour = at.latent < 0 ? c.minus : c.plus;
  drawLadder(pen, scene, at, x, y);
  if (state.decay > 0) {
    spring(pen, x, zero, y, { colour: c.soft, width: 1 + 25 * state.decay, swing: 8 });
  }
  if (state.momentum > 0) drawFlywheel(pen, scene, at, x, y);
  const slow = !scene.playing || scene.step - at.step > 0.02;
  if (at.last && slow) drawLastKick(pen, scene, at, x, y);
  ball(pen, x, y, scene.held === "ball" ? 15 : 13, colour, c);
}

/** The move of the last step, with the gradient that made it. */
function drawLastKick(pen, { colours: c, layout: l, data, local }, at, x, y) {
  const hand = local.hand && local.hand.step === at.step;
  const before = Math.min(Math.max(l.y(at.latent - at.last), l.top), l.middle);
  if (hand || Math.abs(before - y) <= 3) return;
  arrow(pen, x - 25, before, x - 25, y, { colour: c.kick, width: 3, head: 9 });
  const kick = data.run.gradients[(at.step - 1) * WEIGHTS];
  pen.text(`${kick < 0 ? "\u2212" : "+"}${Math.abs(kick).toFixed(1)}`, x - 34, (before + y) / 2, {
    fill: c.kick, size: 12, weight: 600, align: "right", base: "middle", halo: c.plusTint,
  });
}

/** From 0 to the ball, a rung for each kick of size 1 that is left. */
function drawLadder(pen, { state, colours: c, layout: l }, at, x, y) {
  const zero = l.y(0);
  const gap = Math.abs(l.y(state.learning_rate) - zero);
  const left = Math.abs(at.latent) / state.learning_rate;
  const towards = Math.sign(y - zero) || -1;
  const near = x + 34 < l.right;
  const side = near ? 1 : -1;
  const rail = x + side * 22;
  pen.line(rail, zero, rail, y, { stroke: c.ink, width: 1.2, alpha: 0.7 });
  if (gap >= 3) {
    for (let k = 1; k <= left + 1e-9 && k < 200; k++) {
      const rung = zero + towards * k * gap;
      pen.line(rail - 4, rung, rail + 4, rung, { stroke: c.ink, width: 1, alpha: 0.7 });
    }
  }
  const text = left >= 10 ? left.toFixed(0) : left.toFixed(1);
  const label = { align: side > 0 ? "left" : "right", base: "middle" };
  const middle = Math.abs(zero - y) < 34 ? zero + towards * 17 : (zero + y) / 2;
  const at1 = rail + side * 10;
  const halo = y < zero ? c.plusTint : c.minusTint;
  pen.text(text, at1, middle - 7, { ...label, fill: c.ink, size: 16, weight: 700, halo });
  pen.text("kicks left", at1, middle + 8, { ...label, fill: c.soft, size: 11, halo });
}

function drawFlywheel(pen, { state, colours: c, data }, at, x, y) {
  const r = 19 + 6 * state.momentum;
  const turned = ((data.start - at.latent) / state.learning_rate) * 0.35;
  pen.circle(x, y, r, { stroke: c.soft, width: 1 + 4 * state.momentum });
  for (let k = 0; k < 3; k++) {
    const angle = turned + (k * Math.PI) / 3;
    const [dx, dy] = [Math.cos(angle) * r, Math.sin(angle) * r];
    pen.line(x - dx, y - dy, x + dx, y + dy, { stroke: c.soft, width: 1.6 });
  }
}

/** The ball's lamp, and a board with one for each weight. True while one is still changing. */
function drawLamps(pen, scene, at) {
  const { colours: c, layout: l, data, width, narrow, local, still, now } = scene;
  const lit = at.latent < 0 ? 0 : 1;
  if (local.lit !== lit) {
    if (local.lit !== undefined) local.flippedAt = now;
    local.lit = lit;
  }
  const since = still || local.flippedAt === undefined ? 1 : (now - local.flippedAt) / 550;
  const share = Math.min(1, Math.max(0, since * 2.4));
  const glow = lit ? share : 1 - share;
  const centre = narrow ? 74 : width - l.side / 2 - 4;
  const [y, r] = narrow ? [452, 36] : [74, Math.min(44, l.side * 0.21)];
  bulb(pen, centre, y, r, glow, c, {
    flash: Math.max(0, 1 - since),
    label: lit ? "+1" : "\u22121",
  });
  const [left, top, wide, columns] = narrow
    ? [150, 424, width - 162, 40]
    : [width - l.side - 2, 196, l.side - 4, 20];
  const up = lampBoard(pen, left, top, wide, columns, data.run.signs, WEIGHTS, at.step, c);
  const below = top + (wide / columns) * (WEIGHTS / columns) + 18;
  const percent = `${Math.round(100 * up)} % at +1`;
  const text = narrow || l.side > 180 ? `${WEIGHTS} weights: ${percent}` : percent;
  pen.text(text, left + wide / 2, below, {
    fill: c.soft, size: narrow ? 12 : 13, align: "center",
  });
  return since < 1;
}

function handles(scene) {
  const { state, layout: l, data } = scene;
  const at = ballAt(scene);
  const held = l.top + 4;
  const list = [
    {
      id: "ball",
      label: at.step ? "latent weight of the ball" : "initial latent weight",
      help: at.step ? "lift this weight" : "drag: all weights start here",
      x: l.x(scene.step),
      y: Math.min(Math.max(l.y(at.latent), held), l.middle - 4),
      axis: "y",
      invite: true,
      hold: true,
      halo: 24,
      value: Number(at.latent.toPrecision(4)),
      low: at.step ? -TALLEST / 2 : schema.fields.initial.low,
      high: schema.fields.initial.high,
      step: 0.01,
      text: `${format(at.latent)}, ${format(Math.abs(at.latent) / state.learning_rate)} kicks left`,
      from: (px, py) => l.y.invert(py),
      set: (value, view) => lift(view, value, at.step),
    },
    {
      id: "due",
      label: "step at which the mean path reaches 0",
      help: "drag: a stronger or weaker push",
      field: "drift",
      x: dueAt(state, data, l),
      y: l.y(0),
      axis: "x",
      reach: 18,
      text: `step ${Math.round(data.mean)}`,
      from: (px) => data.start / (state.learning_rate * Math.max(l.x.invert(px), 0.1)),
    },
  ];
  if (state.clip !== null && l.y(state.clip) > l.top) {
    list.push({
      id: "wall",
      label: "walls: clip at",
      field: "clip",
      x: wallAt(l),
      y: l.y(state.clip),
      axis: "y",
      from: (px, py) => l.y.invert(py),
    });
  }
  return list;
}

function lift(view, value, step) {
  if (step === 0) return view.set({ initial: value });
  const { clip } = view.state;
  const most = clip ?? TALLEST;
  view.player.step = step;
  view.local.hand = { step, value: Math.min(Math.max(value, -most), most) };
}

/** Before the hand came, it has not been there. */
function moved(view) {
  if (view.local.hand && view.player.step < view.local.hand.step) view.local.hand = null;
}

function describe(scene) {
  const { state, data, step } = scene;
  const kicks = data.start / state.learning_rate;
  const now = Math.floor(step + 1e-9);
  const flipped = data.run.firstFlips.reduce((sum, first) => sum + (first <= now), 0);
  let text = `Inertia at the start: ${format(data.start)} / ${format(state.learning_rate)} = ${format(
    kicks,
  )} kicks of size 1. `;
  if (isPlain(state) && !(state.turn && data.mean > STEPS / 2)) {
    text += `The formula expects the first flip after ${Math.round(data.mean)} steps on average. `;
  }
  if (now) {
    text += `By step ${now}, ${Math.round((100 * flipped) / WEIGHTS)} % of ${WEIGHTS} weights have flipped.`;
  } else text += "Drag the ball up or down, then press Play.";
  return text;
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  describe,
  moved,
  local: () => ({ hand: null }),
  player: { steps: () => STEPS, speeds: [3, 40, 160], speed: 1 },
});
