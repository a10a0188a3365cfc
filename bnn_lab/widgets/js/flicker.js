// Binary weights as pixels: each flip flashes and fades. Several trainings side by side, with the
// flip measure and the accuracy below, all under one cursor.

import schema from "./flicker.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { drawFilm, filmAt, unpackFilm } from "./core/film.js";
import { axisX, axisY, knob, scale } from "./core/marks.js";

const CALM = -9; // pi_t when nothing flips
const DASHES = [[], [7, 4], [2, 3]];

export function compute({ runs }) {
  const films = runs.map(unpackFilm);
  const frames = Math.max(1, ...films.map((film) => film.frames));
  const steps = Math.max(1, ...films.map((film) => film.frames * film.every));
  const every = Math.max(1, ...films.map((film) => film.every));
  return { films, frames, steps, every };
}

const gapOf = (width) => (width < 560 ? 12 : 26);
const sideOf = (width, count) => Math.min((width - 20 - 2 * gapOf(width)) / Math.max(count, 3), 270);

function height(width) {
  return sideOf(width, 3) + (width < 560 ? 292 : 322);
}

function layout({ data, width, narrow }) {
  const count = Math.max(data.films.length, 1);
  const side = sideOf(width, 3);
  const gap = gapOf(width);
  const all = count * side + (count - 1) * gap;
  const top = narrow ? 40 : 26;
  const panels = data.films.map((_, i) => [(width - all) / 2 + i * (side + gap), top]);
  const left = narrow ? 48 : 62;
  const right = width - (narrow ? 14 : 62);
  const pi = [top + side + (narrow ? 52 : 58), top + side + (narrow ? 118 : 146)];
  const accuracy = [pi[1] + 36, pi[1] + (narrow ? 86 : 106)];
  const grip = accuracy[0] - 14;
  const x = scale([0, data.frames], [left, right]);
  const yPi = scale([CALM - 0.4, 0], [pi[1], pi[0]]);
  const lows = data.films.flatMap((film) => film.accuracy);
  const low = Math.max(0, Math.floor((Math.min(1, ...lows) - 0.02) * 10) / 10);
  const yAccuracy = scale([Math.min(low, 0.9), 1], [accuracy[1], accuracy[0]]);
  return { side, panels, left, right, pi, accuracy, grip, x, yPi, yAccuracy };
}

const colourOf = (c, i) => [c.kick, c.formula, c.accent][i % 3];

function draw(pen, scene) {
  const { data, colours: c, width, layout: l } = scene;
  if (!data.films.length) {
    const style = { fill: c.soft, size: 15, align: "center" };
    pen.rect(l.left, 26, l.right - l.left, l.side, { stroke: c.faint, dash: [6, 5] }, 10);
    pen.text("Nothing has been filmed yet.", width / 2, 26 + l.side / 2, style);
    pen.text("model.fit(..., callbacks=[flicker.callback(\"my run\")])", width / 2, 52 + l.side / 2, {
      ...style, size: 12.5, mono: true,
    });
    return;
  }
  const frame = Math.floor(scene.step + 1e-9);
  data.films.forEach((film, i) => drawPanel(pen, scene, film, i, frame));
  drawCharts(pen, scene, frame);
}

function drawPanel(pen, { state, colours: c, layout: l, narrow }, film, i, frame) {
  const [x0, y0] = l.panels[i];
  const now = filmAt(film, frame);
  const { shown } = now;
  const high = (l.side / film.columns) * film.rows;
  const colour = colourOf(c, i);
  const title = { fill: colour, weight: 700, align: "center" };
  const [first, rest] = narrow ? film.label.split(": ") : [film.label];
  pen.text(first, x0 + l.side / 2, y0 - (rest ? 22 : 9), { ...title, size: narrow ? 12.5 : 14 });
  if (rest) pen.text(rest, x0 + l.side / 2, y0 - 8, { ...title, size: 9.5, weight: 400 });
  const { glow, signs } = state;
  drawFilm(pen, film, now, x0, y0, l.side, c, { glow, signs });
  pen.rect(x0, y0, l.side, high, { stroke: colour, width: 1.5 });
  const flipping = film.ends[shown] - film.ends[Math.max(shown - 1, 0)];
  const text = shown ? `${((100 * flipping) / film.size).toFixed(1)} % flip in this frame` : "before the first step";
  pen.text(narrow ? text.replace(" in this frame", "") : text, x0 + l.side / 2, y0 + high + 18, {
    fill: c.soft, size: narrow ? 10.5 : 12.5, align: "center",
  });
}

function drawCharts(pen, { data, colours: c, layout: l, step, narrow }, frame) {
  const title = { fill: c.soft, size: 12, weight: 600 };
  axisY(pen, l.yPi, l.left, c, { count: 3, lines: l.right });
  axisY(pen, l.yAccuracy, l.left, c, {
    count: 2, lines: l.right, format: (share) => `${Math.round(100 * share)} %`,
  });
  const flips = narrow ? "" : ": the share of weights that flip in a step, as a logarithm";
  pen.text(`flip measure \u03c0${flips}`, l.left + 2, l.pi[0] - 8, title);
  const away = 2 * frame < data.frames; // from the knob
  const end = away ? { align: "right" } : {};
  pen.text("accuracy", away ? l.right : l.left + 2, l.accuracy[0] - 9, { ...title, ...end });
  data.films.forEach((film, i) => {
    const colour = colourOf(c, i);
    const line = { stroke: colour, width: 2.2, dash: DASHES[i % DASHES.length] };
    const points = (until) => film.pi.slice(0, until).flatMap((pi, f) => [l.x(f + 1), l.yPi(pi)]);
    if (frame < film.frames) pen.path(points(film.frames), { ...line, width: 1.2, alpha: 0.35 });
    pen.path(points(frame), line);
    const perEpoch = film.accuracy.length ? film.frames / film.accuracy.length : 0;
    const dots = film.accuracy.map((share, e) => [l.x((e + 1) * perEpoch), l.yAccuracy(share)]);
    pen.path(dots.flat(), { ...line, width: 1.2, alpha: 0.35 });
    for (const [x, y] of dots) {
      const past = x <= l.x(frame) + 1;
      pen.circle(x, y, past ? 3.6 : 2.4, { fill: colour, alpha: past ? 1 : 0.4 });
    }
  });
  const x = l.x(Math.min(step, data.frames));
  pen.line(x, l.pi[0] - 4, x, l.accuracy[1], { stroke: c.ink, width: 1.4, alpha: 0.6 });
  knob(pen, x, l.grip, c, { r: 6, arrows: "x" });
  const steps = scale([0, data.frames * data.every], [l.left, l.right]);
  axisX(pen, steps, l.accuracy[1], c, {
    count: narrow ? 4 : 8, title: "training step",
  });
}

function handles({ data, layout: l, step }) {
  if (!data.films.length) return [];
  return [
    {
      id: "cursor",
      label: "frame that is shown",
      help: "drag through the training",
      x: l.x(Math.min(step, data.frames)),
      y: l.grip,
      axis: "x",
      invite: true,
      value: Math.min(Math.round(step), data.frames),
      low: 0,
      high: data.frames,
      step: 1,
      whole: true,
      text: `step ${Math.round(step) * data.every}`,
      from: (px) => Math.round(l.x.invert(px)),
      set: (value, view) => view.player.seek(Math.min(Math.max(value, 0), data.frames)),
    },
  ];
}

/** While a training goes on and the newest frame is shown, follow it. */
function changed(view, names, source) {
  if (!names.includes("runs") || source === "user") return;
  const { frames } = compute(view.state);
  if (view.local.frames === undefined || view.player.step >= view.local.frames) {
    view.player.step = frames;
  }
  view.local.frames = frames;
}

function describe({ data, step }) {
  if (!data.films.length) return "No training has been filmed yet; runs appear here as they are filmed.";
  const frame = Math.min(Math.floor(step + 1e-9), data.frames);
  const parts = data.films.map((film) => {
    const shown = Math.min(frame, film.frames);
    const epochs = Math.floor((shown * film.accuracy.length) / Math.max(film.frames, 1) + 1e-9);
    const pi = shown ? `\u03c0 ${film.pi[shown - 1].toFixed(1).replace("-", "\u2212")}` : "not yet begun";
    const right = epochs ? `, ${(100 * film.accuracy[epochs - 1]).toFixed(1)} % right` : "";
    return `${film.label}: ${pi}${right}`;
  });
  return `After step ${frame * data.every}. ${parts.join("; ")}.`;
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  changed,
  describe,
  local: () => ({}),
  player: {
    steps: ({ runs }) => Math.max(1, ...runs.map((run) => run.pi.length)),
    speeds: [6, 24, 80],
    speed: 1,
    unit: "frame",
  },
});
