// A guess on a number line, and, once there is one, the result on the same line.

import schema from "./prediction.json" with { type: "json" };
import { el } from "./core/dom.js";
import { explorable } from "./core/explorable.js";
import { knob, scale, ticks } from "./core/marks.js";

const LINE = 22; // pixels of a line of the question
const DECADES = 100; // ends this many times apart make the line logarithmic

const isLog = ({ low, high }) => low > 0 && high / low >= DECADES;

/** The number at a share of the line, as it is shown; and back. */
function valueAt(state, share) {
  const { low, high, digits } = state;
  const value = isLog(state) ? low * (high / low) ** share : low + share * (high - low);
  const fine = isLog(state) ? Number(value.toPrecision(2)) : value;
  return Math.floor(fine * 10 ** digits + 0.5) / 10 ** digits;
}

function shareOf(state, value) {
  const { low, high } = state;
  const share = isLog(state) ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(Math.max(share, 0), 1);
}

export function compute(state) {
  const known = state.truth !== null;
  const log = isLog(state);
  const marks = log ? decades(state) : ticks(state.low, state.high, 5);
  return { known, log, marks };
}

function decades({ low, high }) {
  const found = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.000001; power++) {
    found.push(Number((10 ** power).toPrecision(6)));
  }
  return found;
}

const lettersOf = (width) => Math.max(24, Math.floor((width - 30) / 8.2));

/** The question in lines; letters are counted, as a stored picture cannot measure them. */
function linesOf(question, width) {
  const lines = [""];
  for (const word of question.split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= lettersOf(width)) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

function height(width) {
  return 118 + LINE * (width < 560 ? 4 : 2);
}

function layout({ state, width }) {
  const lines = linesOf(state.question, width);
  const y = height(width) - 48;
  const x = scale([0, 1], [26, width - 26]);
  return { lines, y, x };
}

const shown = ({ state, data }) => data.known && (state.at !== null || state.asked);

/** A number with thousands apart; engines without a locale draw stored pictures, too. */
function grouped(text) {
  const [whole, rest] = text.split(".");
  const apart = whole.replace("-", "\u2212").replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? apart : `${apart}.${rest}`;
}

const format = (state, value) => grouped(value.toFixed(state.digits));

function withUnit(state, value) {
  const space = state.unit && state.unit !== "%" ? " " : state.unit ? "\u00a0" : "";
  return `${format(state, value)}${space}${state.unit}`;
}

function draw(pen, scene) {
  const { state, data, colours: c, layout: l, width } = scene;
  pen.rect(1, 1, width - 2, scene.height - 2, { fill: c.panel, stroke: c.faint }, 12);
  const style = { size: 15, weight: 600 };
  const longest = Math.max(...l.lines.map((line) => pen.measure(line, style)));
  style.size *= Math.min((width - 30) / longest, 1); // where letters are wider than those counted
  l.lines.forEach((line, i) => {
    pen.text(line, 16, 28 + i * LINE, { fill: c.ink, ...style });
  });
  pen.line(l.x(0), l.y, l.x(1), l.y, { stroke: c.soft, width: 3, cap: "round" });
  for (const value of data.marks) {
    const x = l.x(shareOf(state, value));
    pen.line(x, l.y - 6, x, l.y + 6, { stroke: c.soft, width: 1.4 });
    pen.text(grouped(String(value)), x, l.y + 24, { fill: c.soft, size: 12, align: "center" });
  }
  if (state.unit) {
    pen.text(state.unit, l.x(1), l.y + 40, { fill: c.soft, size: 12, align: "right" });
  }
  const result = shown(scene);
  if (state.at !== null && result) {
    const [a, b] = [l.x(state.at), l.x(shareOf(state, state.truth))];
    pen.line(a, l.y, b, l.y, { stroke: c.kick, width: 3, dash: [4, 4] });
  }
  if (result) drawMark(pen, scene, shareOf(state, state.truth), state.truth, "result", c.formula, -1);
  if (state.at !== null) drawMark(pen, scene, state.at, valueAt(state, state.at), "you", c.accent, 1);
  else knob(pen, l.x(0.5), l.y, c, { colour: c.accent, r: 9, arrows: "x" });
}

/** A mark with its number: the guess's close to the line, the result's a line higher. */
function drawMark(pen, { state, colours: c, layout: l, width }, share, value, name, colour, which) {
  const x = l.x(share);
  const up = which < 0 ? 40 : 20;
  pen.line(x, l.y, x, l.y - up + 4, { stroke: colour, width: 1.6 });
  if (which > 0) knob(pen, x, l.y, c, { colour, r: 9, arrows: "x" });
  else pen.circle(x, l.y, 7, { fill: colour, stroke: c.paper, width: 2 });
  const text = `${name}: ${withUnit(state, value)}`;
  const half = pen.measure(text, { size: 14, weight: 700 }) / 2;
  const at = Math.min(Math.max(x, half + 14), width - half - 14);
  pen.text(text, at, l.y - up, { fill: colour, size: 14, weight: 700, align: "center", halo: c.panel });
}

function handles({ state, layout: l }) {
  const guess = state.at === null ? null : valueAt(state, state.at);
  return [
    {
      id: "guess",
      label: `your guess: ${state.question}`,
      help: "drag, or click on the line",
      x: l.x(state.at ?? 0.5),
      y: l.y,
      axis: "x",
      invite: true,
      value: state.at ?? 0.5,
      low: 0,
      high: 1,
      step: 0.01,
      text: guess === null ? "no guess yet" : withUnit(state, guess),
      from: (px) => l.x.invert(px),
      set: (share, view) => guessAt(view, share),
    },
  ];
}

/** Keep the number that is shown, not the pixel. */
function guessAt(view, share) {
  const within = Math.min(Math.max(share, 0), 1);
  view.set({ at: shareOf(view.state, valueAt(view.state, within)) });
}

function press({ layout: l }, x, y, view) {
  if (Math.abs(y - l.y) < 30) guessAt(view, l.x.invert(x));
}

/** A field for those who would rather type, and the way to the result without a guess. */
function panel(view) {
  const field = el("input", { type: "number", step: "any", "aria-label": "your guess as a number" });
  const keep = () => {
    if (field.value === "") return view.set({ at: null });
    const value = Number(field.value);
    if (Number.isFinite(value)) guessAt(view, shareOf(view.state, value));
  };
  field.addEventListener("change", keep);
  // A notebook's own use of Enter may keep the browser from its own, which is to fire `change`.
  field.addEventListener("keydown", ({ key }) => key === "Enter" && keep());
  const ask = el("button", { type: "button", click: () => view.set({ asked: true }) }, "show the result without a guess");
  const element = el("div", { class: "guess" }, el("label", {}, "or type it: ", field), ask);
  element.prepend(el("style", {}, STYLE));
  return {
    element,
    update({ state, data }) {
      const root = element.getRootNode();
      const text = state.at === null ? "" : String(valueAt(state, state.at));
      if (root.activeElement !== field && field.value !== text) field.value = text;
      ask.style.display = data.known && state.at === null && !state.asked ? "" : "none";
    },
  };
}

const STYLE = `
.guess { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; padding: 4px 2px; }
.guess input { font: inherit; width: 7em; padding: 4px 8px; border: 1px solid var(--line);
  border-radius: 8px; color: var(--ink); background: var(--paper); }
.guess button { font: inherit; color: var(--soft); background: none; border: 0; padding: 4px 0;
  text-decoration: underline; cursor: pointer; }
`;

function describe(scene) {
  const { state, data } = scene;
  const guess = state.at === null ? null : valueAt(state, state.at);
  if (guess === null && !shown(scene)) {
    const more = data.known ? " The result is ready, and shows itself when you have guessed." : "";
    return `Drag the mark, click on the line, or type a number.${more}`;
  }
  if (!data.known) return `Your guess: ${withUnit(state, guess)}. The result comes further down.`;
  if (guess === null) return `The result: ${withUnit(state, state.truth)}.`;
  return `Your guess: ${withUnit(state, guess)}. The result: ${withUnit(state, state.truth)}. ${verdict(state, guess)}`;
}

/** How far a guess is off, in the line's own measure. */
export function verdict(state, guess) {
  const { truth } = state;
  const away = Math.abs(shareOf(state, guess) - shareOf(state, truth));
  if (guess === truth) return "Exactly right.";
  if (away <= 0.03) return "Very close.";
  if (guess > 0 && truth > 0) {
    const times = Math.max(guess / truth, truth / guess);
    if (times >= 1.5) {
      return `Your guess is ${times.toFixed(times < 10 ? 1 : 0)} times too ${guess > truth ? "high" : "low"}.`;
    }
  }
  return away <= 0.1 ? "Close." : `Your guess is too ${guess > truth ? "high" : "low"}.`;
}

export default explorable({ schema, height, compute, layout, draw, handles, press, panel, describe });
