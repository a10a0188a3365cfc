// The scaling theorem as two worlds: the same gradients move twelve latent weights here, and twelve
// that are C times smaller there. The lamps, which are all that the gradients depend on, never
// differ; unless something, such as a wall, has a size that does not shrink along.

import schema from "./twin_worlds.json" with { type: "json" };
import { explorable } from "./core/explorable.js";
import { axisX, axisY, ball, bulb, hatch, knob, scale } from "./core/marks.js";
import { randomCoupling, simulateLatent } from "./core/simulate.js";
import { format } from "./core/state.js";
import { fade, mix } from "./core/theme.js";

export const STEPS = 300;
export const WEIGHTS = 12;
const RATE = 0.1;
const INITIAL = 0.8;
const TALLEST = 1.4; // latent weight at the upper edge
const MOMENTUM = 0.5;

/** Both worlds' runs, and where their signs differ: differs[step * WEIGHTS + weight]. */
export function compute({ scale: c, rule, walls, noise, seed }) {
  const coupling = randomCoupling(WEIGHTS, seed);
  const run = { steps: STEPS, weights: WEIGHTS, noise, seed, coupling };
  const momentum = rule === "momentum" ? MOMENTUM : 0;
  const clips = { "walls that shrink too": [walls, walls * c], "walls that stay": [walls, walls] };
  const [clip, twinClip] = clips[rule] ?? [null, null];
  const first = simulateLatent({ learning_rate: RATE, initial: INITIAL, momentum, clip }, run);
  const twin = simulateLatent(
    { learning_rate: RATE * c, initial: INITIAL * c, momentum, clip: twinClip },
    run,
  );
  const differs = first.signs.map((sign, at) => (sign === twin.signs[at] ? 0 : 1));
  const from = differs.indexOf(1);
  const begins = from < 0 ? null : Math.floor(from / WEIGHTS);
  return { first, twin, differs, begins, clip, twinClip };
}

function height(width) {
  return width < 560 ? 616 : 496;
}

function layout({ width, narrow, state }) {
  const left = narrow ? 34 : 46;
  const gap = narrow ? 0 : 56;
  const wide = narrow ? width - left - 14 : (width - left - gap - 22) / 2;
  const tall = narrow ? 150 : 220;
  const lampsTop = 14;
  const room = (x, top) => {
    const box = { x, top: top + 52, width: wide, height: tall };
    return { ...box, lamps: top + 20, middle: x + wide / 2, zero: box.top + tall / 2 };
  };
  const one = room(left, lampsTop);
  const two = narrow ? room(left, one.top + tall + 30) : room(left + wide + gap, lampsTop);
  const y = scale([-TALLEST, TALLEST], [one.top + tall, one.top]);
  const raster = two.top + tall + (narrow ? 54 : 66);
  const x = scale([0, STEPS], [left, narrow ? width - 14 : two.x + wide]);
  const row = narrow ? 6 : 8;
  return { left, wide, tall, one, two, y, raster, x, row, narrow, size: state.scale };
}

function draw(pen, scene) {
  const step = Math.min(Math.floor(scene.step + 1e-9), STEPS);
  const { layout: l, data, state, colours: c } = scene;
  drawOutline(pen, l, c);
  drawWorld(pen, scene, l.one, 1, data.first, data.clip, step);
  drawWorld(pen, scene, l.two, state.scale, data.twin, data.twinClip, step);
  drawLamps(pen, scene, l.one, data.first, step, 1);
  drawLamps(pen, scene, l.two, data.twin, step, state.scale);
  if (data.clip !== null) {
    const wall = wallAt(l, state);
    knob(pen, wall.x, wall.y, c, { colour: c.ink, r: 6, arrows: "y" });
  }
  const corner = cornerOf(l);
  knob(pen, corner.x, corner.y, c, { r: 8 });
  pen.text(`C = ${format(state.scale)}`, corner.x + 16, corner.y + 1, {
    fill: c.accent, size: 14, weight: 700, base: "middle", halo: c.paper,
  });
  drawRaster(pen, scene, step);
}

/** Where the twin would be if it were no smaller. */
function drawOutline(pen, { two, left, one, y, narrow }, c) {
  pen.rect(two.x, two.top, two.width, two.height, { stroke: c.faint, dash: [4, 4] }, 10);
  axisY(pen, y, left, c, { count: narrow ? 3 : 5 });
  if (narrow) return;
  // One axis for both: the twin really is smaller.
  for (const value of [-1, 0, 1]) {
    pen.line(one.x + one.width, y(value), two.x, y(value), { stroke: c.grid });
  }
}

function drawWorld(pen, scene, room, size, run, clip, step) {
  const { colours: c, data, layout: l } = scene;
  const [w, h] = [room.width * size, room.height * size];
  const [x, top] = [room.middle - w / 2, room.zero - h / 2];
  const radius = 10 * Math.sqrt(size);
  pen.rect(x, top, w, h, { fill: c.plusTint }, radius);
  pen.group({ clip: [x, room.zero, w, h / 2] }, () => {
    pen.rect(x, top, w, h, { fill: c.minusTint }, radius);
  });
  drawWalls(pen, scene, room, size, clip);
  pen.line(x, room.zero, x + w, room.zero, { stroke: c.ink, width: 1.4 });
  pen.rect(x, top, w, h, { stroke: mix(c.soft, c.paper, 0.2), width: 1.6 }, radius);
  const pixels = room.height / (2 * TALLEST);
  const r = Math.max(3, 9.5 * size * (l.narrow ? 0.75 : 1));
  for (let i = 0; i < WEIGHTS; i++) {
    const at = x + ((i + 0.5) / WEIGHTS) * w;
    const latent = between(run.watched, scene, i);
    const before = step > 0 ? run.watched[(step - 1) * WEIGHTS + i] : latent;
    const place = (value) => {
      const y = room.zero - value * pixels;
      return Math.min(Math.max(y, top + r * 0.4), top + h - r * 0.4);
    };
    pen.line(at, room.zero, at, place(latent), { stroke: c.soft, width: 1.1, alpha: 0.8 });
    if (step > 0 && !(scene.playing && scene.step === step)) {
      pen.line(at, place(before), at, place(run.watched[step * WEIGHTS + i]), {
        stroke: c.kick, width: Math.max(1.4, 4 * size),
      });
    }
    const wrong = data.differs[step * WEIGHTS + i];
    if (wrong) pen.circle(at, place(latent), r + 3, { stroke: c.wrong, width: 2 });
    ball(pen, at, place(latent), r, latent < 0 ? c.minus : c.plus, c);
  }
}

/** Latent weight of one of them at a time between two steps. */
function between(watched, { step: time, still }, i) {
  const step = Math.min(Math.floor(time + 1e-9), STEPS);
  const now = watched[step * WEIGHTS + i];
  if (still || step === STEPS) return now;
  const moved = Math.min(1, (time - step) * 2);
  return now + (watched[(step + 1) * WEIGHTS + i] - now) * (1 - (1 - moved) ** 3);
}

function drawWalls(pen, { colours: c }, room, size, clip) {
  if (clip === null) return;
  const pixels = room.height / (2 * TALLEST);
  const w = room.width * size;
  const x = room.middle - w / 2;
  const half = (room.height * size) / 2;
  const reach = clip * pixels;
  if (reach < half) {
    for (const y of [room.zero - half, room.zero + reach]) {
      pen.rect(x, y, w, half - reach, { fill: fade(mix(c.soft, c.paper, 0.2), 0.28) });
      hatch(pen, [x, y, w, half - reach], fade(c.ink, 0.16));
    }
  }
  // Walls that stay may lie outside of a small world.
  const wide = Math.max(w, reach > half ? room.width * 0.5 : 0);
  for (const y of [room.zero - reach, room.zero + reach]) {
    const outside = reach > half;
    pen.line(room.middle - wide / 2, y, room.middle + wide / 2, y, {
      stroke: outside ? c.wrong : c.ink, width: outside ? 2 : 3, dash: outside ? [7, 4] : undefined,
    });
  }
  if (reach > half) {
    pen.text("the wall stays here", room.middle - wide / 2 + 4, room.zero - reach - 7, {
      fill: c.wrong, size: 12, weight: 600, halo: c.paper,
    });
  }
}

/** What the network sees of each world. */
function drawLamps(pen, { colours: c, data, layout: l, narrow }, room, run, step, size) {
  const gap = room.width / WEIGHTS;
  const r = Math.min(12, gap * 0.36);
  const top = room.zero - (room.height * size) / 2;
  for (let i = 0; i < WEIGHTS; i++) {
    const x = room.x + (i + 0.5) * gap;
    const below = room.middle + ((i + 0.5) / WEIGHTS - 0.5) * room.width * size;
    pen.line(x, room.lamps + r * 1.9, below, top, { stroke: c.faint, width: 1 });
    const wrong = data.differs[step * WEIGHTS + i];
    bulb(pen, x, room.lamps, r, run.signs[step * WEIGHTS + i] > 0 ? 1 : 0, c);
    if (wrong) pen.circle(x, room.lamps + r * 0.25, r * 1.75, { stroke: c.wrong, width: 2.5 });
  }
  const rate = format(RATE * size);
  const text = size === 1 && room === l.one
    ? `one world: learning rate ${rate}, latent weights from ${format(INITIAL)}`
    : `its twin: learning rate ${rate}, latent weights from ${format(INITIAL * size)}`;
  pen.text(text, room.middle, room.top + room.height + 19, {
    fill: c.soft, size: narrow ? 11.5 : 13, align: "center",
  });
}

/** All lamps over time, a row for each; red where the worlds differ. */
function drawRaster(pen, { colours: c, data, layout: l, narrow, step: time }, step) {
  const tall = WEIGHTS * l.row;
  const wide = l.x(STEPS) - l.x(0);
  pen.rect(l.x(0), l.raster, wide, tall, { fill: c.panel });
  const paint = (values, colourOf) => {
    for (let i = 0; i < WEIGHTS; i++) {
      for (let from = 0, to; from <= step; from = to) {
        const value = values[from * WEIGHTS + i];
        for (to = from + 1; to <= step && values[to * WEIGHTS + i] === value; ) to++;
        const colour = colourOf(value);
        const end = Math.min(l.x(to), l.x(STEPS));
        if (colour) {
          pen.rect(l.x(from), l.raster + i * l.row, end - l.x(from), l.row - 1, { fill: colour });
        }
      }
    }
  };
  const [up, down] = [mix(c.plusGlow, c.paper, 0.35), mix(c.minus, c.paper, 0.55)];
  paint(data.first.signs, (sign) => (sign > 0 ? up : down));
  paint(data.differs, (wrong) => (wrong ? c.wrong : null));
  const x = Math.min(l.x(time), l.x(STEPS));
  pen.line(x, l.raster - 4, x, l.raster + tall + 3, { stroke: c.ink, width: 1.4 });
  axisX(pen, l.x, l.raster + tall, c, { count: narrow ? 3 : 6, title: "step" });
  const { all, wrong, flips } = countUntil(data, step);
  const equal = wrong === 0;
  const text = equal
    ? `${flips} flips, ${thousands(all)} lamps compared: not one differs`
    : `${thousands(wrong)} of ${thousands(all)} lamps differ, the first at step ${data.begins}`;
  pen.text(text, l.x(STEPS), l.raster - 10, {
    fill: equal ? c.formula : c.wrong, size: narrow ? 12 : 14, weight: 700, align: "right",
  });
  if (!narrow) {
    pen.text("the lamps over time, red where the worlds differ", l.x(0), l.raster - 10, {
      fill: c.soft, size: 12,
    });
  }
}

function countUntil({ first, differs }, step) {
  const all = step * WEIGHTS;
  let [wrong, flips] = [0, 0];
  for (let at = WEIGHTS; at < (step + 1) * WEIGHTS; at++) {
    wrong += differs[at];
    flips += first.signs[at] !== first.signs[at - WEIGHTS];
  }
  return { all, wrong, flips };
}

/** 1,234; without the page's own way to write numbers, which Python's engine has not. */
function thousands(number) {
  return String(number).replace(/(\d)(?=(\d{3})+$)/g, "$1,");
}

/** The corner by which the twin is held. */
function cornerOf({ two, size }) {
  return { x: two.middle + (two.width * size) / 2, y: two.zero - (two.height * size) / 2 };
}

function wallAt({ one }, { walls }) {
  const y = one.zero - (walls * one.height) / (2 * TALLEST);
  return { x: one.x + one.width - 16, y };
}

function handles({ layout: l, data, state }) {
  const corner = cornerOf(l);
  const { two, one } = l;
  const list = [
    {
      id: "corner",
      label: "size of the twin",
      help: "drag the corner, even while it plays",
      field: "scale",
      x: corner.x,
      y: corner.y,
      axis: "xy",
      invite: true,
      from: (px, py) => {
        const across = (px - two.middle) / (two.width / 2);
        const up = (two.zero - py) / (two.height / 2);
        return (across + up) / 2;
      },
    },
  ];
  if (data.clip !== null) {
    const pixels = one.height / (2 * TALLEST);
    list.push({
      id: "wall",
      label: "walls at",
      help: "drag the wall",
      field: "walls",
      ...wallAt(l, state),
      axis: "y",
      from: (px, py) => (one.zero - py) / pixels,
    });
  }
  return list;
}

function describe({ state, data, step }) {
  const now = Math.floor(step + 1e-9);
  const what = {
    plain: "",
    momentum: `Momentum ${MOMENTUM} in both. `,
    "walls that shrink too": `Walls at ${format(state.walls)} and at C times that. `,
    "walls that stay": `Walls at ${format(state.walls)} in both. `,
  }[state.rule];
  let text = `Learning rate and latent weights of the twin are ${format(state.scale)} times as large. `;
  text += what;
  if (!now) return `${text}Press Play: both get the same kicks. Then drag the corner.`;
  const { all, wrong, flips } = countUntil(data, now);
  text += `${flips} flips in ${now} steps; `;
  if (!wrong) return `${text}none of ${thousands(all)} lamps differs.`;
  text += `${thousands(wrong)} of ${thousands(all)} lamps differ, the first at step ${data.begins}`;
  return `${text}. From then on the worlds' gradients differ, too: they depend on every lamp.`;
}

export default explorable({
  schema,
  height,
  compute,
  layout,
  draw,
  handles,
  describe,
  player: { steps: () => STEPS, speeds: [3, 24, 90], speed: 1 },
});
