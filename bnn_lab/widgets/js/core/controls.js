// Controls below a drawing, made from the schema: native inputs, as wide as the drawing.

import { assign, el } from "./dom.js";
import { fromShare, show, snap, toShare } from "./state.js";

const SHARES = 1000;

/** All visible fields; returns {element, update(state)}. */
export function makeControls(view) {
  const { fields } = view.definition.schema;
  const made = Object.entries(fields)
    .filter(([, field]) => !field.hidden && field.kind !== "data")
    .map(([name, field]) => ({ field, ...MAKERS[field.kind](view, name, field) }));
  const element = el("div", { class: "settings" });
  const main = made.filter(({ field }) => !field.more);
  const more = made.filter(({ field }) => field.more);
  if (main.length) element.append(grid(main));
  if (more.length) {
    const title = el("summary", {}, view.definition.schema.more ?? "more settings");
    const fold = el("details", { class: "more" }, title, grid(more));
    fold.open = more.some(({ name, field }) => view.state[name] !== field.default);
    element.append(fold);
  }
  const update = (state) => {
    for (const control of made) {
      control.update(state);
      if (control.field.when) control.element.inert = !counts(control.field, state);
    }
  };
  return { element, update };
}

/** Whether a field has an effect now: `when` is {other field: values with which it has}. */
function counts({ when }, state) {
  return Object.entries(when).every(([name, values]) => values.includes(state[name]));
}

const MAKERS = { number: slider, toggle, choice };

function grid(controls) {
  return el("div", { class: "controls" }, ...controls.map((control) => control.element));
}

function nameOf(field) {
  const symbol = field.symbol ? el("i", {}, field.symbol) : null;
  return el("span", { class: "name", title: field.help }, field.label, symbol);
}

function slider(view, name, field) {
  const output = el("output");
  // A linear range counts in its own unit, so that its arrow keys go from value to value.
  const range = field.log
    ? { min: 0, max: SHARES, step: SHARES / 50 }
    : { min: field.low, max: field.high, step: field.whole ? 1 : (field.step ?? "any") };
  const input = el("input", {
    type: "range",
    "aria-label": field.label,
    title: field.help,
    ...range,
  });
  if (field.log) input.step = 1;
  const value = () => {
    const at = Number(input.value);
    return field.log ? fromShare(field, at / SHARES) : snap(field, at);
  };
  input.addEventListener("input", () => {
    view.touch();
    view.set({ [name]: value() });
  });
  input.addEventListener("pointerdown", () => view.begin());
  input.addEventListener("pointerup", () => view.end());
  input.addEventListener("pointercancel", () => view.end());
  const parts = [nameOf(field), input, output];
  let toggled = null;
  let remembered = field.default ?? field.on ?? field.high;
  if (field.optional) {
    toggled = el("input", { type: "checkbox", role: "switch", "aria-label": field.label });
    toggled.addEventListener("change", () => {
      view.touch();
      view.set({ [name]: toggled.checked ? remembered : null });
    });
    const face = el("span", { class: "face" });
    parts[0] = el("label", { class: "switch" }, toggled, face, nameOf(field));
  }
  return {
    name,
    element: el("div", { class: "control" }, ...parts),
    update(state) {
      const now = state[name];
      const off = now === null;
      if (!off) remembered = now;
      const share = toShare(field, off ? remembered : now);
      const at = String(field.log ? Math.round(share * SHARES) : off ? remembered : now);
      // While it is dragged the thumb is where the finger is.
      if (input.value !== at && value() !== now) input.value = at;
      if (toggled) toggled.checked = !off;
      input.disabled = off;
      input.style.setProperty("--fill", `${(100 * share).toFixed(1)}%`);
      const text = show(field, now);
      if (output.textContent !== text) output.textContent = text;
      output.classList.toggle("off", off);
      assign(input, { "aria-valuetext": text });
    },
  };
}

function toggle(view, name, field) {
  const input = el("input", { type: "checkbox", role: "switch" });
  input.addEventListener("change", () => {
    view.touch();
    view.set({ [name]: input.checked });
  });
  const face = el("span", { class: "face" });
  return {
    name,
    element: el("label", { class: "switch", title: field.help }, input, face, nameOf(field)),
    update: (state) => {
      input.checked = state[name];
    },
  };
}

function choice(view, name, field) {
  const group = `${name}-${(choice.count = (choice.count ?? 0) + 1)}`;
  const inputs = field.options.map((option) => {
    const input = el("input", { type: "radio", name: group });
    input.addEventListener("change", () => {
      view.touch();
      view.set({ [name]: option });
    });
    return input;
  });
  const labels = inputs.map((input, i) =>
    el("label", {}, input, el("span", { class: "face" }, String(field.options[i]))),
  );
  const options = el("div", { class: "options", role: "radiogroup", "aria-label": field.label });
  options.append(...labels);
  return {
    name,
    element: el("div", { class: "control choice", title: field.help }, nameOf(field), options),
    update: (state) => {
      inputs.forEach((input, i) => (input.checked = field.options[i] === state[name]));
    },
  };
}
