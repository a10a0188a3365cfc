// Bop's two settings as a map: drag over it, and the run of the cell below the finger plays beside
// it. Large gamma is noise, large tau a standstill; what learns lies between.

import schema from "./bop_map.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { drawFilm, filmAt, unpackFilm } from "./core/film.js";
import { axisX, axisY, scale } from "./core/marks.js";
import { simulateBop } from "./core/simulate.js";
import { format } from "./core/state.js";
import { mix } from "./core/theme.js";

const CALM = -9; // flip measure when nothing flips
const FLOOR = Math.exp(CALM);
// The simulated map.
const SIDE = 15;
const STEPS = 80;
const DRIFT = 0.3; // mean gradient that pushes each weight to its goal; the noise is 1
const GAMMAS = [0.003, 0.01, 0.03, 0.1, 0.3, 1];
const TAUS = [0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
const SEED = 1;

let simulated = null; // the same for every state

export function compute({ cells }) {
  if (cells === null) {
    simulated ??= simulate();
    return simulated;
  }
  const runs = cells.films.map((row) => row.map((packed) => endOf(unpackFilm(packed))));
  return { ...cells, runs, ...rangeOf(runs) };
}

/** Weights that are pushed to form a heart by a noisy gradient, under each pair of settings. */
export function simulate() {
  const goal = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [((i % SIDE) - 7) / 6, (7.8 - Math.floor(i / SIDE)) / 6];
    return (x ** 2 + y ** 2 - 1) ** 3 - x ** 2 * y ** 3 < 0 ? 1 : 0;
  });
  const runs = GAMMAS.map((gamma) => TAUS.map((threshold) => simulateCell(gamma, threshold, goal)));
  return { gammas: GAMMAS, taus: TAUS, runs, simulated: true, ...rangeOf(runs) };
}

function simulateCell(gamma, threshold, goal) {
  const run = { steps: STEPS, weights: SIDE * SIDE, seed: SEED };
  // Each weight's noise is its own, so both pushes can be run for all and the right one taken.
  const up = simulateBop({ gamma, threshold }, { ...run, drift: -DRIFT }).signs;
  const down = simulateBop({ gamma, threshold }, { ...run, drift: DRIFT }).signs;
  const size = SIDE * SIDE;
  const ends = new Uint32Array(STEPS + 1);
  const pixels = [];
  const accuracy = [];
  for (let step = 1; step <= STEPS; step++) {
    let right = 0;
    for (let i = 0; i < size; i++) {
      const signs = goal[i] ? down : up;
      const sign = signs[step * size + i];
      if (sign !== signs[(step - 1) * size + i]) pixels.push(i);
      right += (sign < 0 ? 1 : 0) === goal[i];
    }
    ends[step] = pixels.length;
    accuracy.push(right / size);
  }
  const pi = accuracy.map((_, f) => Math.log((ends[f + 1] - ends[f]) / size + FLOOR));
  const start = new Uint8Array(size);
  return endOf({
    rows: SIDE, columns: SIDE, size, frames: STEPS, every: 1, start, ends,
    pixels: Uint32Array.from(pixels), pi, accuracy,
  });
}

/** A run with what the map says of it: means of its last quarter. */
function endOf(film) {
  const last = (values) => {
    const quarter = values.slice(-Math.max(1, Math.floor(values.length / 4)));
    return quarter.reduce((sum, value) => sum + value, 0) / Math.max(1, quarter.length);
  };
  return { film, accuracy: last(film.accuracy), pi: last(film.pi) };
}

function rangeOf(runs) {
  const all = runs.flat();
  return {
    frames: Math.max(1, ...all.map(({ film }) => film.frames)),
    low: Math.min(...all.map(({ accuracy }) => accuracy)),
    high: Math.max(...all.map(({ accuracy }) => accuracy)),
  };
}

function chosen({ state, data }) {
  const row = Math.min(state.row, data.gammas.length - 1);
  const column = Math.min(state.column, data.taus.length - 1);
  return { row, column, run: data.runs[row][column], gamma: data.gammas[row], tau: data.taus[column] };
}

function height(width) {
  return width < 560 ? 2 * mapHeight(width) + 250 : 440;
}

const mapHeight = (width) => Math.min(width - 70, 300);

function layout({ data, width, narrow }) {
  const left = 64;
  const wide = narrow ? width - left - 12 : Math.min((width - 40) * 0.52 - left, 520);
  const high = narrow ? mapHeight(width) : 312;
  const cell = [wide / data.taus.length, high / data.gammas.length];
  const top = 30;
  const box = [left, top, wide, high];
  // Large gammas above, so that noise is at the upper left.
  const place = (row, column) => [
    left + (column + 0.5) * cell[0],
    top + (data.gammas.length - 0.5 - row) * cell[1],
  ];
  const from = narrow ? 12 : left + wide + Math.max(34, width * 0.05);
  const side = narrow ? Math.min(width - 24, mapHeight(width)) : Math.min(width - from - 16, 262);
  const film = [narrow ? (width - side) / 2 : from + (width - 16 - from - side) / 2, narrow ? high + 118 : top, side];
  const chart = narrow
    ? [44, film[1] + side + 34, width - 14, film[1] + side + 96]
    : [from + 34, top + side + 40, width - 16, 404];
  const x = scale([0, data.frames], [chart[0], chart[2]]);
  const y = scale([CALM - 0.4, 0], [chart[3], chart[1]]);
  return { box, cell, place, film, chart, x, y };
}

function draw(pen, scene) {
  drawMap(pen, scene);
  drawRun(pen, scene);
}

function drawMap(pen, scene) {
  const { state, data, colours: c, layout: l, narrow, hovered, held } = scene;
  const [left, top, wide, high] = l.box;
  const gamma = narrow ? "adaptivity rate \u03b3" : "adaptivity rate \u03b3: the newest gradient's share";
  pen.text(gamma, left, top - 12, {
    fill: c.soft, size: 12.5, weight: 600,
  });
  data.runs.forEach((line, row) =>
    line.forEach((run, column) => {
      const [x, y] = l.place(row, column);
      const { text, colour, share } = tintOf(state.show, run, data, c);
      pen.rect(x - l.cell[0] / 2 + 1, y - l.cell[1] / 2 + 1, l.cell[0] - 2, l.cell[1] - 2, { fill: colour }, 3);
      pen.text(text, x, y + 0.5, {
        fill: share > 0.66 ? (c.dark ? "#111418" : "#ffffff") : c.ink,
        size: narrow ? 11 : 13, align: "center", base: "middle",
      });
    }),
  );
  data.gammas.forEach((value, row) => {
    pen.text(format(value), left - 9, l.place(row, 0)[1], {
      fill: c.soft, size: 12, align: "right", base: "middle",
    });
  });
  data.taus.forEach((tau, column) => {
    pen.text(format(tau), l.place(0, column)[0], top + high + 17, {
      fill: c.soft, size: 12, align: "center",
    });
  });
  pen.text("threshold \u03c4: how hard the average must push", left + wide, top + high + 36, {
    fill: c.soft, size: 12.5, weight: 600, align: "right",
  });
  const { row, column } = chosen(scene);
  const [x, y] = l.place(row, column);
  const grown = hovered === "cell" || held === "cell" ? 2 : 0;
  const frame = [x - l.cell[0] / 2 - grown, y - l.cell[1] / 2 - grown, l.cell[0] + 2 * grown, l.cell[1] + 2 * grown];
  pen.rect(...frame, { stroke: c.paper, width: 6 }, 5);
  pen.rect(...frame, { stroke: c.accent, width: 3.2 }, 5);
}

/** What a cell says, and its colour; `share` is how strong that is. */
function tintOf(show, run, data, c) {
  if (show === "accuracy") {
    const share = (run.accuracy - data.low) / Math.max(1e-9, data.high - data.low);
    return { text: `${Math.round(100 * run.accuracy)} %`, share, colour: mix(c.panel, c.formula, 0.08 + 0.92 * share) };
  }
  const share = (run.pi - CALM) / -CALM;
  const text = run.pi.toFixed(1).replace("-", "\u2212");
  return { text, share, colour: mix(c.panel, c.kick, 0.06 + 0.94 * share) };
}

function drawRun(pen, scene) {
  const { data, colours: c, layout: l, step, narrow } = scene;
  const { run, gamma, tau } = chosen(scene);
  const { film } = run;
  const frame = Math.min(Math.floor(step + 1e-9), film.frames);
  const [x, y, side] = l.film;
  pen.text(`\u03b3 = ${format(gamma)}, \u03c4 = ${format(tau)}`, x + side / 2, y - 12, {
    fill: c.accent, size: 14, weight: 700, align: "center",
  });
  drawFilm(pen, film, filmAt(film, frame), x, y, side, c, { glow: 8 });
  pen.rect(x, y, side, (side / film.columns) * film.rows, { stroke: c.accent, width: 1.5 });
  const [left, top, right, bottom] = l.chart;
  axisY(pen, l.y, left, c, { count: 2, lines: right });
  pen.text(narrow ? "flip measure \u03c0" : "flip measure \u03c0 of this run", left + 2, top - 8, { fill: c.soft, size: 12, weight: 600 });
  const points = (until) => film.pi.slice(0, until).flatMap((pi, f) => [l.x(f + 1), l.y(pi)]);
  pen.path(points(film.frames), { stroke: c.kick, width: 1.2, alpha: 0.35 });
  pen.path(points(frame), { stroke: c.kick, width: 2.2 });
  pen.line(l.x(Math.min(step, data.frames)), top - 2, l.x(Math.min(step, data.frames)), bottom, {
    stroke: c.ink, width: 1.4, alpha: 0.6,
  });
  const steps = scale([0, data.frames * film.every], [left, right]);
  axisX(pen, steps, bottom, c, { count: 4, title: "training step" });
}

function handles(scene) {
  const { data, layout: l } = scene;
  const { row, column, run, gamma, tau } = chosen(scene);
  const [x, y] = l.place(row, column);
  const goto = (view, r, k) =>
    view.set({
      row: Math.min(Math.max(r, 0), data.gammas.length - 1),
      column: Math.min(Math.max(k, 0), data.taus.length - 1),
    });
  return [
    {
      id: "cell",
      label: "chosen run: adaptivity rate and threshold",
      help: "drag over the map",
      x,
      y,
      axis: "xy",
      reach: Math.min(...l.cell) / 2,
      halo: Math.min(...l.cell) / 2 + 4,
      invite: true,
      text: `gamma ${format(gamma)}, tau ${format(tau)}: accuracy ${Math.round(100 * run.accuracy)} percent`,
      from: (px, py) => cellAt(scene, px, py),
      set: ([r, k], view) => goto(view, r, k),
      nudge: (dx, dy, view) => goto(view, row + dy, column + dx),
    },
  ];
}

function cellAt({ data, layout: l }, px, py) {
  const [left, top] = l.box;
  return [
    data.gammas.length - 1 - Math.floor((py - top) / l.cell[1]),
    Math.floor((px - left) / l.cell[0]),
  ];
}

/** A click on a cell chooses it and plays its run from the start. */
function press(scene, x, y, view) {
  const [left, top, wide, high] = scene.layout.box;
  if (x < left || y < top || x >= left + wide || y >= top + high) return;
  const [row, column] = cellAt(scene, x, y);
  view.set({ row, column });
  view.player.seek(0);
  view.player.toggle();
}

function describe(scene) {
  const { data } = scene;
  const { run, gamma, tau } = chosen(scene);
  let verdict = "Here it learns.";
  if (run.pi > -3) verdict = "Noise: weights flip without end.";
  else if (run.pi < -7.5 && run.accuracy < data.high - 0.1) verdict = "Standstill: hardly a weight flips.";
  else if (run.accuracy < data.high - 0.1) verdict = "Here it learns less well.";
  return (
    `\u03b3 = ${format(gamma)}, \u03c4 = ${format(tau)}: at the end ${Math.round(100 * run.accuracy)} % are right, ` +
    `and \u03c0 is ${run.pi.toFixed(1).replace("-", "\u2212")}. ${verdict} ` +
    (data.simulated ? "These are 225 simulated weights that are pushed to form a heart." : "Drag over the map, or click a cell.")
  );
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
  player: {
    steps: ({ cells }) => (cells === null ? STEPS : Math.max(1, ...cells.films.flat().map((film) => film.pi.length))),
    speeds: [6, 24, 80],
    speed: 1,
    unit: "frame",
  },
});
