// Bop on one weight: m, an average of its gradients, moves between two gates at +tau and -tau. Only
// one of them is closed at a time, the one that m must break to flip the weight. Below, how many of
// 300 weights flip in a step, and what the formula says.

import schema from "./bop_explorer.json" with { type: "json" };
import { bopFlipRate, bopFlipStep, emaSpread } from "./core/closed_forms.js";
import { explorable } from "./core/explorable.js";
import { arrow, axisX, axisY, ball, bulb, knob, lampBoard, scale } from "./core/marks.js";
import { driftOf, simulateBop } from "./core/simulate.js";
import { format } from "./core/state.js";
import { fade } from "./core/theme.js";

export const STEPS = 600;
export const WEIGHTS = 300;
const BIN = 20;
const TALLEST = 0.66; // m at the upper edge
const APART = 11; // pixels from 0 to a gate's knob, at least

/** All weights' run, the expected path of m, and the flips as counted and as foretold. */
export function compute(state) {
  const { gamma, threshold, drift, noise, turn, seed } = state;
  const run = simulateBop(state, {
    steps: STEPS,
    weights: WEIGHTS,
    drift: driftOf(drift, STEPS, turn),
    noise,
    seed,
  });
  const half = STEPS / 2;
  const mean = new Float64Array(STEPS + 1);
  const spread = new Float64Array(STEPS + 1);
  const rest = emaSpread(gamma, noise);
  for (let step = 0; step <= STEPS; step++) {
    const kept = (1 - gamma) ** step;
    mean[step] = drift * (1 - kept);
    if (turn && step > half) {
      mean[step] = -drift + (mean[half] + drift) * (1 - gamma) ** (step - half);
    }
    spread[step] = rest * Math.sqrt(1 - kept ** 2);
  }
  const rates = Array.from({ length: STEPS / BIN }, (_, bin) => {
    const flips = run.flipsPerStep.subarray(bin * BIN, (bin + 1) * BIN);
    return flips.reduce((sum, count) => sum + count, 0) / (BIN * WEIGHTS);
  });
  const late = rates.slice(rates.length / 2);
  const longRate = late.reduce((sum, rate) => sum + rate, 0) / late.length;
  let predicted = null; // holds without drift alone
  if (drift === 0) predicted = rest > 0 ? bopFlipRate(gamma, threshold / rest) : 0;
  return { run, mean, spread, rest, rates, longRate, predicted, due: dueSteps(state, mean) };
}

/** Steps at which a weight flips if there is no noise, as far as it does. */
function dueSteps({ gamma, threshold, drift, turn }, mean) {
  const half = STEPS / 2;
  const first = bopFlipStep(gamma, threshold, drift);
  if (first === null || first > (turn ? half : STEPS)) return [];
  if (!turn) return [first];
  // After the turn the weight is -1 and all is as before with the signs changed.
  const again = bopFlipStep(gamma, threshold, drift, -mean[half]);
  return again > STEPS - half ? [first] : [first, half + again];
}

function height(width) {
  return width < 560 ? 566 : 506;
}

function layout({ width, narrow, data }) {
  const side = narrow ? 0 : Math.min(Math.max(width * 0.2, 150), 216);
  const left = narrow ? 42 : 56;
  const right = width - (narrow ? 38 : side + 46);
  const [top, middle] = narrow ? [14, 226] : [14, 270];
  const strip = middle + 34; // middle of the row of gradients
  const ruler = strip + 34; // the memory
  const [under, bottom] = narrow ? [326, 410] : [366, 464];
  const x = scale([0, STEPS], [left + 8, right]);
  const y = scale([-TALLEST, TALLEST], [middle, top]);
  const peak = 1.15 * Math.max(0.005, data.predicted ?? 0, ...data.rates);
  const rate = scale([0, peak], [bottom, under]);
  return { left, right, top, middle, strip, ruler, under, bottom, side, x, y, rate };
}

function draw(pen, scene) {
  const step = Math.min(Math.floor(scene.step + 1e-9), STEPS);
  drawSigns(pen, scene, step);
  drawBand(pen, scene, step);
  drawTrace(pen, scene, step);
  drawGates(pen, scene, step);
  drawGradients(pen, scene, step);
  drawRates(pen, scene, step);
  const { layout: l, colours: c } = scene;
  pen.line(l.x(scene.step), l.top, l.x(scene.step), l.bottom, {
    stroke: c.ink, width: 1, alpha: 0.3,
  });
  drawPuck(pen, scene, step);
  return drawLamps(pen, scene, step);
}

/** Spans of steps [from, to, sign] up to a step. */
function spansOf(signs, until) {
  const spans = [];
  for (let step = 0; step <= until; step++) {
    const sign = signs[step * WEIGHTS];
    if (spans.at(-1)?.[2] === sign) spans.at(-1)[1] = step + 1;
    else spans.push([step, step + 1, sign]);
  }
  return spans;
}

/** The background is what the weight is. */
function drawSigns(pen, { colours: c, layout: l, data, narrow, step: time }, step) {
  pen.rect(l.left, l.top, l.right - l.left, l.middle - l.top, { fill: c.panel });
  for (const [from, to, sign] of spansOf(data.run.signs, step)) {
    const start = from === 0 ? l.left : l.x(from);
    const end = l.x(to > step ? time : to);
    const fill = sign > 0 ? c.plusTint : c.minusTint;
    pen.rect(start, l.top, Math.max(end - start, 0.5), l.middle - l.top, { fill });
  }
  axisY(pen, l.y, l.left, c, { count: 5, lines: l.right });
  pen.line(l.left, l.y(0), l.right, l.y(0), { stroke: c.faint });
  pen.group({ x: narrow ? 9 : 13, y: (l.top + l.middle) / 2, turn: -Math.PI / 2 }, () => {
    pen.text("average gradient m", 0, 0, {
      fill: c.soft, size: 12, align: "center", base: "middle",
    });
  });
}

function inside(l, draw, pen) {
  pen.group({ clip: [l.left, l.top, l.right - l.left, l.middle - l.top] }, draw);
}

/** Steps at which the formula's curves are drawn: close together where they bend. */
function knots(turn) {
  const found = [];
  for (let step = 0; step <= STEPS; ) {
    found.push(step);
    const since = turn && step >= STEPS / 2 ? step - STEPS / 2 : step;
    step += since < 20 ? 1 : since < 60 ? 4 : 10;
  }
  return found;
}

/** What noise does to m: mean plus and minus its spread, by the formula. */
function drawBand(pen, { state, colours: c, layout: l, data }, step) {
  const steps = knots(state.turn);
  const edgeOf = (sign) => (step) => [l.x(step), l.y(data.mean[step] + sign * data.spread[step])];
  const band = [...steps.flatMap(edgeOf(1)), ...[...steps].reverse().flatMap(edgeOf(-1))];
  inside(l, () => {
    pen.path(band, { fill: c.formula, alpha: 0.16 }, true);
    const mean = steps.flatMap((step) => [l.x(step), l.y(data.mean[step])]);
    pen.path(mean, { stroke: c.formula, width: 1.4, dash: [5, 4] });
    for (const due of data.due) {
      pen.line(l.x(due), l.top, l.x(due), l.middle, { stroke: c.formula, width: 2, dash: [2, 3] });
    }
  }, pen);
  for (const due of data.due) {
    const right = l.x(due) > l.right - 110;
    pen.text(`due at ${due}`, l.x(due) + (right ? -6 : 6), l.top + 15, {
      fill: c.formula, size: 12, weight: 600, align: right ? "right" : "left", halo: c.paper,
    });
  }
  // What m tends to.
  for (const [from, to, level] of levels(state)) {
    pen.line(l.x(from), l.y(level), l.x(to), l.y(level), {
      stroke: c.kick, width: 1.4, alpha: state.drift ? 0.9 : 0.4,
    });
  }
  // On the side where the closed gate is not.
  const away = data.run.signs[step * WEIGHTS];
  const edge = data.mean[STEPS] - away * data.spread[STEPS];
  if (data.rest > 0 && Math.abs(edge) < TALLEST * 0.9) {
    pen.text("m ± s, formula", l.right - 8, l.y(edge) + (away > 0 ? 15 : -7), {
      fill: c.formula, size: 12, align: "right", halo: c.panel,
    });
  }
}

/** [from, to, mean gradient] of each stretch of steps. */
function levels({ drift, turn }) {
  return turn ? [[0, STEPS / 2, drift], [STEPS / 2, STEPS, -drift]] : [[0, STEPS, drift]];
}

function drawTrace(pen, { colours: c, layout: l, data, ghost, step: time }, step) {
  inside(l, () => {
    if (ghost?.data && ghost.data !== data) {
      pen.path(trace(l, ghost.data.run.watched, STEPS), { stroke: c.ghost, dash: [3, 3] });
    }
    const points = trace(l, data.run.watched, step);
    points.push(l.x(time), l.y(between(data.run.watched, time)));
    pen.path(points, { stroke: c.ink, width: 1.8 });
  }, pen);
}

function trace(l, watched, until) {
  const points = [];
  for (let step = 0; step <= until; step++) points.push(l.x(step), l.y(watched[step * WEIGHTS]));
  return points;
}

/** m of the first weight at a time between two steps. */
function between(watched, time) {
  const step = Math.min(Math.floor(time + 1e-9), STEPS);
  const next = watched[Math.min(step + 1, STEPS) * WEIGHTS];
  return watched[step * WEIGHTS] + (next - watched[step * WEIGHTS]) * (time - step);
}

/** The gate that is closed at each time, and the other one faintly; flips where it breaks. */
function drawGates(pen, { state, colours: c, layout: l, data, step: time }, step) {
  const levels = [l.y(state.threshold), l.y(-state.threshold)];
  for (const y of levels) {
    pen.line(l.left, y, l.right, y, { stroke: c.accent, width: 1.2, dash: [3, 5], alpha: 0.6 });
  }
  const spans = spansOf(data.run.signs, step);
  for (const [from, to, sign] of spans) {
    const y = sign > 0 ? levels[0] : levels[1];
    const last = to > step;
    const end = last ? l.right : l.x(to);
    const start = from === 0 ? l.left : l.x(from);
    pen.line(start, y, last ? l.x(time) : end, y, { stroke: c.accent, width: 2.6 });
    if (last) pen.line(l.x(time), y, end, y, { stroke: c.accent, width: 2.6, alpha: 0.45 });
    if (from > 0) {
      const m = l.y(data.run.watched[from * WEIGHTS]);
      drawFlip(pen, l.x(from), Math.min(Math.max(m, l.top), l.middle), sign, c);
    }
  }
  for (const [sign, name] of [[1, "+τ"], [-1, "\u2212τ"]]) {
    const y = gateAt(state, l, sign);
    knob(pen, l.right + 2, y, c, { r: 7, arrows: "y" });
    pen.text(name, l.right + 17, y, {
      fill: c.accent, size: 13, weight: 600, base: "middle",
    });
  }
  const now = data.run.signs[step * WEIGHTS];
  const text = now > 0 ? "flips if m is above" : "flips if m is below";
  if (l.x(time) < l.right - 150) {
    pen.text(text, l.right - 8, now > 0 ? levels[0] - 8 : levels[1] + 16, {
      fill: c.accent, size: 12, weight: 600, align: "right", halo: c.panel,
    });
  }
  knob(pen, l.x(driftKnob(state)), l.y(state.drift), c, { colour: c.kick, r: 6, arrows: "y" });
}

function drawFlip(pen, x, y, sign, c) {
  const colour = sign > 0 ? c.plus : c.minus;
  pen.path([x, y - 6, x + 6, y, x, y + 6, x - 6, y], { fill: colour, stroke: c.paper, width: 1.5 }, true);
}

/** The first weight's gradients, each as strong as it still counts in m; below, the memory. */
function drawGradients(pen, { state, colours: c, layout: l, data, narrow, step: time }, step) {
  const tallest = 24;
  const most = 3;
  pen.line(l.left, l.strip, l.right, l.strip, { stroke: c.grid });
  const width = Math.max(0.9, ((l.right - l.left) / STEPS) * 0.75);
  for (let k = 0; k < step; k++) {
    const gradient = data.run.gradients[k * WEIGHTS];
    const y = l.strip - Math.max(-tallest, Math.min(tallest, (gradient / most) * tallest));
    const counts = (1 - state.gamma) ** (step - 1 - k);
    pen.line(l.x(k + 1), l.strip, l.x(k + 1), y, {
      stroke: c.kick, width: k === step - 1 ? 2.5 : width, alpha: 0.14 + 0.86 * counts,
    });
  }
  if (step > 0) {
    const envelope = [];
    for (let age = 0; age <= Math.min(step, 6 / state.gamma); age += 1) {
      envelope.push(l.x(time - age), l.strip - tallest * (1 - state.gamma) ** age);
    }
    const end = Math.max(l.left, envelope.at(-2));
    pen.path([...envelope, end, l.strip, l.x(time), l.strip], { fill: c.accent, alpha: 0.12 }, true);
    pen.path(envelope, { stroke: c.accent, width: 1.2, alpha: 0.7 });
  }
  if (step < STEPS * 0.6) {
    pen.text(narrow ? "gradients" : "gradients, as they count in m", l.right - 8, l.strip - 8, {
      fill: c.kick, size: 12, align: "right", halo: c.paper,
    });
  }
  const end = memoryAt(state, l);
  pen.line(l.x(0), l.ruler - 4, l.x(0), l.ruler + 4, { stroke: c.accent, width: 2 });
  pen.line(l.x(0), l.ruler, end, l.ruler, { stroke: c.accent, width: 2 });
  knob(pen, end, l.ruler, c, { r: 7, arrows: "x" });
  pen.text(`memory 1/γ = ${format(1 / state.gamma)} steps`, end + 18, l.ruler, {
    fill: c.accent, size: 12, weight: 600, base: "middle", halo: c.paper,
  });
}

function memoryAt(state, l) {
  return l.x(1 / state.gamma);
}

function drawRates(pen, { colours: c, layout: l, data, ghost, narrow }, step) {
  const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;
  axisY(pen, l.rate, l.left, c, { count: 2, lines: l.right, format: percent });
  pen.line(l.left, l.bottom, l.right, l.bottom, { stroke: c.faint });
  const half = ((l.x(BIN) - l.x(0)) / 2) * 0.88;
  data.rates.forEach((rate, bin) => {
    if (!rate || (bin + 1) * BIN > step) return;
    const y = l.rate(rate);
    const box = [l.x((bin + 0.5) * BIN) - half, y, 2 * half, l.bottom - y];
    pen.rect(...box, { fill: fade(c.minus, 0.62) }, 2);
  });
  pen.group({ clip: [l.left, l.under - 4, l.right - l.left, l.bottom - l.under + 4] }, () => {
    if (ghost?.data && ghost.data !== data) {
      const outline = ghost.data.rates.flatMap((rate, bin) => {
        const y = l.rate(rate);
        return [l.x(bin * BIN), y, l.x((bin + 1) * BIN), y];
      });
      pen.path(outline, { stroke: c.ghost, dash: [3, 3], width: 1.2 });
    }
    if (data.predicted !== null) {
      const y = l.rate(data.predicted);
      pen.line(l.left, y, l.right, y, { stroke: c.formula, width: 2.6 });
    }
  });
  const title = { size: 12, align: "right", base: "middle", halo: c.paper };
  pen.text(`flips in a step, of ${WEIGHTS} weights`, l.right - 8, l.under - 10, {
    ...title, fill: c.minus,
  });
  if (data.predicted !== null) {
    const below = l.rate(data.predicted) < l.under + 14 ? 12 : -10;
    pen.text(`formula ${percentText(data.predicted)}`, l.right - 8, l.rate(data.predicted) + below, {
      ...title, fill: c.formula, weight: 600,
    });
  }
  axisX(pen, l.x, l.bottom, c, { count: narrow ? 3 : 6, title: "step" });
}

function percentText(rate) {
  const percent = 100 * rate;
  if (percent > 0 && percent < 0.01) return "below 0.01 %";
  return `${Number(percent.toPrecision(2))} %`;
}

/** m now, pressing against the gate that is closed. */
function drawPuck(pen, { state, colours: c, layout: l, data, step: time }, step) {
  const m = between(data.run.watched, time);
  const sign = data.run.signs[step * WEIGHTS];
  const x = l.x(time);
  const y = Math.min(Math.max(l.y(m), l.top + 4), l.middle - 4);
  const gate = l.y(sign * state.threshold);
  if (x + 30 < l.right && Math.abs(gate - y) > 12) {
    arrow(pen, x + 17, y, x + 17, gate, { colour: c.accent, width: 1.4, head: 6, alpha: 0.75 });
  }
  ball(pen, x, y, 9, sign > 0 ? c.plus : c.minus, c);
}

function drawLamps(pen, scene, step) {
  const { colours: c, layout: l, width, narrow, local, still, now, data } = scene;
  const lit = data.run.signs[step * WEIGHTS] > 0 ? 1 : 0;
  if (local.lit !== lit) {
    if (local.lit !== undefined) local.flippedAt = now;
    local.lit = lit;
  }
  const since = still || local.flippedAt === undefined ? 1 : (now - local.flippedAt) / 550;
  const share = Math.min(1, Math.max(0, since * 2.4));
  const centre = narrow ? 74 : width - l.side / 2 - 4;
  const [y, r] = narrow ? [490, 36] : [74, Math.min(44, l.side * 0.21)];
  bulb(pen, centre, y, r, lit ? share : 1 - share, c, {
    flash: Math.max(0, 1 - since),
    label: lit ? "+1" : "\u22121",
  });
  const [left, top, wide, columns] = narrow
    ? [150, 462, width - 162, 30]
    : [width - l.side - 2, 196, l.side - 4, 20];
  const up = lampBoard(pen, left, top, wide, columns, data.run.signs, WEIGHTS, step, c);
  const below = top + (wide / columns) * (WEIGHTS / columns) + 18;
  const percent = `${Math.round(100 * up)} % at +1`;
  const text = narrow || l.side > 180 ? `${WEIGHTS} weights: ${percent}` : percent;
  pen.text(text, left + wide / 2, below, {
    fill: c.soft, size: narrow ? 12 : 13, align: "center",
  });
  return since < 1;
}

/** Where a gate is held: two knobs at 0 would lie over each other, and one could not be pulled. */
function gateAt(state, l, sign) {
  return l.y(0) - sign * Math.max(l.y(0) - l.y(state.threshold), APART);
}

function handles({ state, layout: l }) {
  const gate = (sign) => ({
    id: sign > 0 ? "upper" : "lower",
    label: `threshold ${sign > 0 ? "plus" : "minus"} tau`,
    help: "drag a gate",
    field: "threshold",
    x: l.right + 2,
    y: gateAt(state, l, sign),
    axis: "y",
    invite: sign > 0,
    reach: Math.min(18, Math.abs(gateAt(state, l, sign) - l.y(0))), // not over the other gate's
    from: (px, py) => (sign * (l.y(0) - py) <= APART ? 0 : sign * l.y.invert(py)),
  });
  return [
    {
      id: "drift",
      label: "drift",
      help: "drag: the mean of the gradients",
      field: "drift",
      x: l.x(driftKnob(state)),
      y: l.y(state.drift),
      axis: "y",
      reach: 18,
      from: (px, py) => l.y.invert(py),
    },
    {
      id: "memory",
      label: "memory, 1 / gamma",
      help: "drag: how far back m remembers",
      field: "gamma",
      x: memoryAt(state, l),
      y: l.ruler,
      axis: "x",
      text: `${format(1 / state.gamma)} steps`,
      from: (px) => 1 / Math.max(l.x.invert(px), 0.5),
    },
    gate(-1),
    gate(1),
  ];
}

/** Where the drift's line is held. */
function driftKnob(state) {
  return state.turn ? STEPS * 0.25 : STEPS * 0.5;
}

function describe({ state, data, step }) {
  const { rest, due, longRate, predicted } = data;
  let text = `Noise makes m waver by s = ${format(rest)}`;
  text += rest > 0 ? `; τ is ${format(state.threshold / rest)} times that. ` : ". ";
  text += `In the second half ${percentText(longRate)} of the weights flip in a step`;
  if (predicted !== null) text += `; the formula says ${percentText(predicted)}.`;
  else if (due.length) {
    text += `. Without noise a weight would flip at step ${due.join(" and ")}.`;
  } else text += ". The drift does not exceed τ in time: without noise no weight would flip.";
  const now = Math.floor(step + 1e-9);
  let flips = 0;
  for (let k = 0; k < now; k++) {
    flips += data.run.signs[k * WEIGHTS] !== data.run.signs[(k + 1) * WEIGHTS];
  }
  if (now) text += ` By step ${now} this weight has flipped ${flips} ${flips === 1 ? "time" : "times"}.`;
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
  local: () => ({}),
  player: { steps: () => STEPS, speeds: [5, 60, 240], speed: 1 },
});
