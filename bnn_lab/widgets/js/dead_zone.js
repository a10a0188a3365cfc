// A row of ternary weights: latent weights in units of their mean magnitude, the dead zone in which
// the network sees 0, the tiles that it sees, and how many weights move in each step.

import schema from "./dead_zone.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { axisX, axisY, ball, hatch, knob, scale } from "./core/marks.js";
import { simulateTernary } from "./core/simulate.js";
import { format } from "./core/state.js";
import { fade, mix } from "./core/theme.js";

export const STEPS = 300;
export const WEIGHTS = 240;
const BIN = 10;
const TALLEST = 3; // mean magnitudes at the upper edge
const FRESH = 8; // steps for which a move can be seen
const SLICES = 24; // of the distribution at the side
const NAMES = ["\u22121", "0", "+1"];
const SIGNS = ["\u2212", "0", "+"]; // on a phone

/** The run of all weights, and its moves by bins of steps. */
export function compute(state) {
  const run = simulateTernary(state, { steps: STEPS, weights: WEIGHTS });
  const bins = Array.from({ length: STEPS / BIN }, (_, bin) =>
    [0, 1, 2].map((kind) => {
      let sum = 0;
      for (let step = bin * BIN; step < (bin + 1) * BIN; step++) sum += run.moves[3 * step + kind];
      return sum / (BIN * WEIGHTS);
    }),
  );
  const highest = Math.max(...bins.map((bin) => bin[0] + bin[1] + bin[2]));
  return { run, bins, highest };
}

function height(width) {
  return width < 560 ? 520 : 490;
}

function layout({ width, narrow, data, state }) {
  const side = narrow ? 52 : Math.min(Math.max(width * 0.16, 110), 176);
  const shown = narrow ? 12 : 24; // weights of the row
  const left = narrow ? 44 : 56;
  const right = width - side - (narrow ? 26 : 34);
  const [top, middle] = narrow ? [14, 232] : [14, 258];
  const tiles = middle + 14;
  const first = left + (narrow ? 32 : 100); // beside the names
  const slot = (right - first - 8) / shown;
  const tall = narrow ? 26 : 30;
  const goals = tiles + tall + 6; // top of the row of goals
  const [under, bottom] = [goals + 66, narrow ? 474 : 444];
  const at = (i) => first + (i + 0.5) * slot;
  const y = scale([-TALLEST, TALLEST], [middle, top]);
  const x = scale([0, STEPS], [left + 8, right]);
  const peak = 1.15 * Math.max(0.02, data.highest);
  const rate = scale([0, peak], [bottom, under]);
  const edge = Math.min(state.zone, TALLEST);
  return {
    left, right, top, middle, shown, tiles, slot, tall, goals, under, bottom, side, at, x, y, rate, edge,
  };
}

/** Between two steps a weight glides, and what it is seen as changes with the later one. */
function latentAt({ data, step, still }, i) {
  const { latents, means } = data.run;
  const first = Math.min(Math.floor(step + 1e-9), STEPS);
  const rest = still ? 0 : step - first;
  const of = (row) => latents[row * WEIGHTS + i] / means[row];
  if (!rest || first === STEPS) return of(first);
  return of(first) + (of(first + 1) - of(first)) * rest;
}

function stepOf(scene) {
  return Math.min(Math.floor(scene.step + 1e-9), STEPS);
}

/** How fresh the last move of a weight is: 1 now, 0 for one that is long ago. */
function freshness({ data, step }, i, now) {
  const { trits } = data.run;
  for (let back = 0; back < FRESH && now - back > 0; back++) {
    const at = (now - back) * WEIGHTS + i;
    if (trits[at] !== trits[at - WEIGHTS]) return Math.max(0, 1 - (step - now + back) / FRESH);
  }
  return 0;
}

function colourOf(trit, c) {
  if (trit === 0) return mix(c.soft, c.paper, 0.35);
  return trit > 0 ? c.plus : c.minus;
}

function draw(pen, scene) {
  drawZone(pen, scene);
  drawNames(pen, scene);
  drawWeights(pen, scene);
  drawDistribution(pen, scene);
  drawTiles(pen, scene);
  drawMoves(pen, scene);
  const { layout: l, colours: c, state } = scene;
  for (const edge of state.zone > 0 ? [l.edge, -l.edge] : [0]) {
    knob(pen, l.right, l.y(edge), c, { arrows: "y" });
  }
}

function drawZone(pen, { colours: c, layout: l, narrow, ghost, state }) {
  const wide = l.right - l.left;
  const [up, down] = [l.y(l.edge), l.y(-l.edge)];
  pen.rect(l.left, l.top, wide, l.y(0) - l.top, { fill: c.plusTint });
  pen.rect(l.left, l.y(0), wide, l.middle - l.y(0), { fill: c.minusTint });
  pen.rect(l.left, up, wide, down - up, { fill: mix(c.grid, c.paper, 0.1) });
  hatch(pen, [l.left, up, wide, down - up], fade(c.ink, 0.06), 12);
  axisY(pen, l.y, l.left, c, { count: 6 });
  pen.line(l.left, l.y(0), l.right, l.y(0), { stroke: c.faint });
  if (ghost && ghost.state.zone !== state.zone) {
    for (const edge of [ghost.state.zone, -ghost.state.zone]) {
      pen.line(l.left, l.y(edge), l.right, l.y(edge), { stroke: c.ghost, dash: [3, 3] });
    }
  }
  for (const y of [up, down]) {
    pen.line(l.left, y, l.right, y, { stroke: c.accent, width: 2, dash: [7, 5] });
  }
  pen.group({ x: narrow ? 8 : 13, y: (l.top + l.middle) / 2, turn: -Math.PI / 2 }, () => {
    pen.text("latent weight / mean magnitude", 0, 0, {
      fill: c.soft, size: 12, align: "center", base: "middle",
    });
  });
}

function drawWeights(pen, scene) {
  const { colours: c, layout: l, data, narrow } = scene;
  const now = stepOf(scene);
  const r = Math.min(8, l.slot * 0.34);
  for (let i = 0; i < l.shown; i++) {
    const x = l.at(i);
    const height = latentAt(scene, i);
    const y = Math.min(Math.max(l.y(height), l.top + r), l.middle - r);
    const trit = data.run.trits[now * WEIGHTS + i];
    const colour = colourOf(trit, c);
    pen.line(x, l.y(0), x, y, { stroke: colour, width: narrow ? 1.5 : 2.5, alpha: 0.75 });
    const fresh = freshness(scene, i, now);
    if (fresh) {
      const wide = r + 3 + 7 * (1 - fresh);
      pen.circle(x, y, wide, { stroke: c.kick, width: 3 * fresh, alpha: fresh });
    }
    ball(pen, x, y, r, colour, c);
  }
}

/** What the network sees in each part, where there is room for its name; balls lie over it. */
function drawNames(pen, { colours: c, layout: l, narrow }) {
  const style = { size: narrow ? 12 : 13, weight: 600, align: "left" };
  const [up, down] = [l.y(l.edge), l.y(-l.edge)];
  if (up - l.top > 22) {
    pen.text(narrow ? "+1" : "seen as +1", l.left + 8, l.top + 15, { ...style, fill: c.plus });
  }
  if (l.middle - down > 22) {
    pen.text(narrow ? "\u22121" : "seen as \u22121", l.left + 8, l.middle - 7, { ...style, fill: c.minus });
  }
  if (down - up > 22) {
    pen.text(narrow ? "0" : "dead zone: 0", l.left + 8, up + 15, { ...style, fill: c.soft });
  }
}

/** How the latent weights are spread, all 240, beside the axis that they share with the row. */
function drawDistribution(pen, scene) {
  const { colours: c, layout: l, data, width, narrow, state } = scene;
  const now = stepOf(scene);
  const { latents, means, trits } = data.run;
  const counts = new Array(SLICES).fill(0);
  let zeros = 0;
  for (let i = 0; i < WEIGHTS; i++) {
    const value = latents[now * WEIGHTS + i] / means[now];
    const slice = Math.floor(((value + TALLEST) / (2 * TALLEST)) * SLICES);
    counts[Math.min(Math.max(slice, 0), SLICES - 1)]++;
    zeros += trits[now * WEIGHTS + i] === 0;
  }
  const from = l.right + (narrow ? 18 : 26);
  const room = width - from - 4;
  const most = Math.max(20, ...counts);
  const thick = (l.middle - l.top) / SLICES;
  pen.line(from, l.top, from, l.middle, { stroke: c.faint });
  counts.forEach((count, k) => {
    if (!count) return;
    const centre = -TALLEST + ((k + 0.5) / SLICES) * 2 * TALLEST;
    const trit = Math.abs(centre) <= state.zone ? 0 : Math.sign(centre);
    const top = l.middle - (k + 1) * thick + 0.7;
    const box = [from, top, (count / most) * room, thick - 1.4];
    pen.rect(...box, { fill: fade(colourOf(trit, c), 0.75) }, 2);
  });
  const share = `${Math.round((100 * zeros) / WEIGHTS)} %`;
  const text = { align: "center", fill: c.soft };
  const middle = from + room / 2;
  pen.text(share, middle, l.tiles + 20, { ...text, fill: c.ink, size: narrow ? 17 : 24, weight: 700 });
  pen.text(narrow ? "are 0" : `of ${WEIGHTS} are 0`, middle, l.tiles + 38, { ...text, size: 12 });
}

function drawTiles(pen, scene) {
  const { colours: c, layout: l, data, narrow } = scene;
  const now = stepOf(scene);
  const wide = l.slot * 0.86;
  for (let i = 0; i < l.shown; i++) {
    const trit = data.run.trits[now * WEIGHTS + i];
    const fresh = freshness(scene, i, now);
    const x = l.at(i) - wide / 2;
    if (fresh) {
      const grow = 4 * fresh;
      pen.rect(x - grow, l.tiles - grow, wide + 2 * grow, l.tall + 2 * grow, {
        fill: fade(c.kick, 0.75 * fresh),
      }, 5);
    }
    pen.rect(x, l.tiles, wide, l.tall, { fill: trit === 0 ? c.grid : colourOf(trit, c) }, 4);
    if (wide > 12) {
      pen.text((wide > 15 ? NAMES : SIGNS)[trit + 1], l.at(i), l.tiles + l.tall / 2, {
        fill: trit === 0 ? c.soft : c.dark ? c.paper : "#ffffff",
        size: wide > 15 ? Math.min(13, wide * 0.55) : 13,
        weight: 700,
        align: "center",
        base: "middle",
      });
    }
    // What the loss wants.
    const goal = data.run.goals[i];
    const right = goal === trit;
    const y = l.goals + 7;
    pen.circle(l.at(i), y, Math.min(4.5, wide * 0.3), {
      fill: colourOf(goal, c), alpha: right ? 1 : 0.9,
    });
    if (!right) pen.circle(l.at(i), y, Math.min(7, wide * 0.46), { stroke: c.wrong, width: 1.5 });
  }
  const text = narrow ? "dots: the goals; ringed: not there" : "dots: what the loss wants; ringed: not there yet";
  pen.text(text, l.left + 8, l.goals + 27, { fill: c.soft, size: 12 });
}

function drawMoves(pen, scene) {
  const { colours: c, layout: l, data, ghost, narrow } = scene;
  const now = scene.step;
  const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;
  axisY(pen, l.rate, l.left, c, { count: 2, lines: l.right, format: percent });
  const half = ((l.x(BIN) - l.x(0)) / 2) * 0.84;
  const fills = [mix(c.soft, c.paper, 0.2), c.formula, c.wrong];
  data.bins.forEach((bin, k) => {
    const seen = now >= (k + 1) * BIN ? 0.9 : 0.22;
    let base = 0;
    bin.forEach((share, kind) => {
      if (!share) return;
      const [low, high] = [l.rate(base), l.rate(base + share)];
      const centre = l.x((k + 0.5) * BIN);
      pen.rect(centre - half, high, 2 * half, low - high, { fill: fade(fills[kind], seen) });
      base += share;
    });
  });
  if (ghost?.data && ghost.data !== data) {
    const outline = ghost.data.bins.flatMap((bin, k) => {
      const y = Math.max(l.rate(bin[0] + bin[1] + bin[2]), l.under - 10);
      return [l.x(k * BIN), y, l.x((k + 1) * BIN), y];
    });
    pen.path(outline, { stroke: c.ghost, width: 1.2, dash: [3, 3] });
  }
  const names = narrow ? ["into 0", "out of 0", "across"] : ["into the zone", "out of it", "across it"];
  const style = { size: 12, align: "right", base: "middle", weight: 600 };
  let end = l.right - 4;
  for (const kind of [2, 1, 0]) {
    pen.text(names[kind], end, l.under - 22, { ...style, fill: fills[kind] });
    end -= pen.measure(names[kind], style) + 12;
  }
  pen.text(narrow ? "moves:" : "weights that move in a step:", l.left + 8, l.under - 22, {
    fill: c.soft, size: 12, base: "middle",
  });
  axisX(pen, l.x, l.bottom, c, { count: narrow ? 3 : 6, title: "step" });
  pen.line(l.x(now), l.under, l.x(now), l.bottom, { stroke: c.ink, alpha: 0.35 });
}

function handles({ layout: l, state, step }) {
  const upper = {
    id: "zone",
    label: "upper end of the dead zone",
    help: "drag: where a weight stops being 0",
    field: "zone",
    x: l.right,
    y: l.y(l.edge),
    axis: "y",
    invite: step === 0,
    text: `${format(state.zone)} mean magnitudes`,
    from: (px, py) => l.y.invert(py),
  };
  if (state.zone < 0.2) return [upper]; // the two would lie on each other
  const below = (px, py) => -l.y.invert(py);
  return [
    upper,
    { ...upper, id: "below", label: "lower end of the dead zone", invite: false, y: l.y(-l.edge), from: below },
  ];
}

function describe(scene) {
  const { state, data } = scene;
  const now = stepOf(scene);
  const { trits, goals, moves } = data.run;
  let zeros = 0;
  let right = 0;
  for (let i = 0; i < WEIGHTS; i++) {
    zeros += trits[now * WEIGHTS + i] === 0;
    right += trits[now * WEIGHTS + i] === goals[i];
  }
  const percent = (count) => `${Math.round((100 * count) / WEIGHTS)} %`;
  let text = `Dead zone ±${format(state.zone)} mean magnitudes: ${percent(zeros)} of the weights are 0. `;
  if (state.zone === 0) text = "No dead zone: these are binary weights, and none can be 0. ";
  if (state.zone === 0.5) text += "(That is BitNet's absmean rule.) ";
  if (!now) return `${text}Drag the end of the zone, then press Play.`;
  let moved = 0;
  for (let k = 3 * Math.max(0, now - BIN); k < 3 * now; k++) moved += moves[k];
  const rate = (100 * moved) / (Math.min(BIN, now) * WEIGHTS);
  return `${text}By step ${now}, ${percent(right)} are what the loss wants; lately ${
    Number(rate.toPrecision(2))
  } % move in each step.`;
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  describe,
  player: { steps: () => STEPS, speeds: [3, 20, 80], speed: 1 },
});
