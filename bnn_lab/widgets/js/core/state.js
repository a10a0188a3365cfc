// An explorable's state: a handful of named values, described by its schema (a JSON file that
// Python reads, too). A field is one of
//   {kind: "number", low, high, step?, log?, whole?, optional?}   optional: null is allowed, "off"
//   {kind: "toggle"}   {kind: "choice", options}   {kind: "data", link?}   any JSON value
// with default, label, and if wanted symbol, unit, help, digits, hidden (no control below the
// figure), more (control in the fold), view (changes only how things are shown, not what is
// computed).

/** The schema's defaults, with `start` in their place where it has a value. */
export function initialState(schema, start = {}) {
  const state = {};
  for (const [name, field] of Object.entries(schema.fields)) state[name] = field.default;
  return { ...state, ...clean(schema, start) };
}

/** Only known fields, each with a value that its field allows. */
export function clean(schema, changes) {
  const found = {};
  for (const [name, value] of Object.entries(changes)) {
    const field = schema.fields[name];
    const fit = field && fitting(field, value);
    if (fit !== undefined) found[name] = fit;
  }
  return found;
}

function fitting(field, value) {
  if (field.kind === "toggle") return typeof value === "boolean" ? value : undefined;
  if (field.kind === "choice") return field.options.includes(value) ? value : undefined;
  if (field.kind === "data") return value;
  if (value === null) return field.optional ? null : undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  const inside = Math.min(Math.max(value, field.low), field.high);
  return field.whole ? Math.round(inside) : inside;
}

/** What a reader's hand means by a number: in range, and short, 0.05 and not 0.0499999. */
export function snap(field, value) {
  const inside = fitting(field, value);
  if (field.kind !== "number" || inside === undefined || inside === null) return value;
  if (field.whole) return inside;
  if (field.step === undefined) return Number(inside.toPrecision(3));
  const steps = Math.round((inside - field.low) / field.step);
  return Math.min(Number((field.low + steps * field.step).toPrecision(12)), field.high);
}

/** Distance between neighbouring values of a linear field. */
export function stepOf(field) {
  return field.step ?? (field.whole ? 1 : (field.high - field.low) / 100);
}

/** Where a number lies in its range, in 0..1. */
export function toShare(field, value) {
  const { low, high } = field;
  return field.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** The number at a share of the range. */
export function fromShare(field, share) {
  const { low, high } = field;
  const within = Math.min(Math.max(share, 0), 1);
  return snap(field, field.log ? low * (high / low) ** within : low + within * (high - low));
}

/** The value some key presses further: up and down by the field's step. */
export function nudge(field, value, presses) {
  if (field.log) return fromShare(field, toShare(field, value) + presses / 50);
  return snap(field, value + presses * stepOf(field));
}

/** A value as a reader sees it. */
export function show(field, value) {
  if (value === null) return field.off ?? "off";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  const number = field.digits === undefined ? format(value) : value.toFixed(field.digits);
  if (!field.unit) return number.replace("-", "\u2212");
  return `${number} ${value === 1 ? field.unit.replace(/(?<=\w{3})s$/, "") : field.unit}`;
}

/** Three significant digits, no exponent where a reader can do without. */
export function format(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace(".0e", "e");
  if (size >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Holds the state; whoever changes it tells all others. */
export class Store {
  constructor(schema, start = {}) {
    this.schema = schema;
    this.state = Object.freeze(initialState(schema, start));
    this.listeners = new Set();
  }

  /** Change fields; `source` tells a listener its own changes from others'. */
  set(changes, source = "user") {
    const fitting = clean(this.schema, changes);
    const changed = Object.keys(fitting).filter((name) => !same(fitting[name], this.state[name]));
    if (!changed.length) return;
    this.state = Object.freeze({ ...this.state, ...fitting });
    for (const listener of [...this.listeners]) listener(changed, source);
  }

  /** Call listener(changed names, source); returns a function that ends it. */
  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Whether two JSON values are equal. */
export function same(a, b) {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** What differs from `start`, as the parameters of a link: name.field=value. */
export function toParameters(schema, name, state, start) {
  const parameters = new URLSearchParams();
  for (const [key, field] of Object.entries(schema.fields)) {
    if (same(state[key], start[key])) continue;
    const text = field.kind === "data" ? listsToText(field, state[key]) : String(state[key] ?? "off");
    if (text !== null) parameters.set(`${name}.${key}`, text);
  }
  return parameters;
}

/** The fields that a link sets. */
export function fromParameters(schema, name, text) {
  const changes = {};
  for (const [key, value] of new URLSearchParams(text)) {
    if (!key.startsWith(`${name}.`)) continue;
    const key2 = key.slice(name.length + 1);
    const field = schema.fields[key2];
    if (!field) continue;
    if (field.kind === "toggle") changes[key2] = value === "true";
    else if (field.kind === "choice") {
      changes[key2] = field.options.find((option) => String(option) === value);
    } else if (field.kind === "data") {
      const lists = listsOf(field, value);
      if (lists) changes[key2] = lists;
    } else changes[key2] = value === "off" ? null : Number(value);
  }
  return clean(schema, changes);
}

/** Data with `link: {lists, high, most}` as text: numbers joined by "." and, if `lists`, lists by "_". */
function listsToText({ link }, value) {
  if (!link || !Array.isArray(value)) return null;
  const text = link.lists ? value.map((list) => [list].flat().join(".")).join("_") : value.join(".");
  const back = listsOf({ link }, text); // what no link can hold is left out
  return back && same(back, value) ? text : null;
}

/** Data from a link, or null: whole numbers in 0..high, at most `most` of them. */
function listsOf({ link }, text) {
  if (!link || text.length > 10 * link.most || !/^[\d._]*$/.test(text)) return null;
  const lists = text === "" ? [] : text.split("_").map((part) => part.split("."));
  if (!link.lists && lists.length > 1) return null;
  const all = lists.flat();
  if (all.length > link.most || !all.every((v) => v !== "" && Number(v) <= link.high)) return null;
  const numbers = lists.map((list) => list.map(Number));
  return link.lists ? numbers : (numbers[0] ?? []);
}
