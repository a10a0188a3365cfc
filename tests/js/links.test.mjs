// Where an explorable's state goes: Python, the browser tab, the address. With stand-ins of a page.

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import * as links from "../../bnn_lab/widgets/js/core/links.js";
import { Store } from "../../bnn_lab/widgets/js/core/state.js";

const schema = {
  name: "test",
  fields: {
    size: { kind: "number", default: 1, low: 0, high: 9 },
    on: { kind: "toggle", default: false },
    blob: { kind: "data", default: null },
  },
};

/** As anywidget's model: what is set is told, and what is saved is counted. */
class Model {
  constructor(values) {
    this.values = values;
    this.listeners = {};
    this.saved = 0;
  }
  get(name) {
    return this.values[name];
  }
  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    (this.listeners[`change:${name}`] ?? []).forEach((listener) => listener());
  }
  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }
  off(event, listener) {
    this.listeners[event] = this.listeners[event].filter((one) => one !== listener);
  }
  save_changes() {
    this.saved += 1;
  }
}

const rest = () => new Promise((done) => setTimeout(done, 300));
const model = (values = {}) => new Model({ size: 1, on: false, blob: null, ...values });

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
  };
  globalThis.location = { pathname: "/page", search: "", hash: "" };
  globalThis.history = { state: null, replaceState: (state, title, url) => (location.hash = new URL(url, "http://x").hash) };
  globalThis.addEventListener = (name, listener) => (globalThis.heard = listener);
  globalThis.removeEventListener = () => {};
});

test("the page's changes reach Python, few messages for many, the last one always", async () => {
  const [store, python] = [new Store(schema), model({ size: 2 })];
  const end = links.linkModel(store, python);
  assert.equal(store.state.size, 2);
  for (let size = 3; size < 8; size += 0.1) store.set({ size });
  assert.equal(python.get("size"), store.state.size);
  await rest();
  assert.ok(python.saved >= 1 && python.saved <= 3, `${python.saved}`);
  python.set("on", true);
  assert.equal(store.state.on, true);
  assert.ok(python.saved <= 3); // its own change is not sent back
  end();
  store.set({ size: 0 });
  python.set("on", false);
  assert.deepEqual([python.get("size") > 7, store.state.on], [true, true]);
});

test("two views of one model move together", () => {
  const python = model();
  const stores = [new Store(schema), new Store(schema)];
  stores.forEach((store) => links.linkModel(store, python));
  stores[0].set({ size: 5 });
  assert.equal(stores[1].state.size, 5);
});

test("a cell that is run again finds what the reader left; a changed program is obeyed", () => {
  const begin = (start, moved = {}) => {
    const store = new Store(schema);
    links.linkModel(store, model({ ...start, ...moved }));
    const asked = { size: 1, on: false, blob: null, ...start };
    links.linkTab(store, "mine", asked);
    return store;
  };
  begin({}).set({ size: 6, on: true });
  assert.deepEqual(begin({}).state, { size: 6, on: true, blob: null });
  assert.equal(begin({ size: 2 }).state.size, 2); // another start
  begin({}).set({ size: 6 });
  assert.equal(begin({}, { size: 3 }).state.size, 3); // Python has set it since
  assert.equal(begin({}).state.size, 6);
});

test("a page that may not store anything remembers as long as it lives", () => {
  globalThis.sessionStorage = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); } };
  const asked = { size: 1, on: false, blob: null };
  const first = new Store(schema);
  links.linkTab(first, "closed", asked);
  first.set({ size: 4 });
  const second = new Store(schema);
  links.linkTab(second, "closed", asked);
  assert.equal(second.state.size, 4);
});

test("large data are not kept in the tab", () => {
  const store = new Store(schema);
  links.linkTab(store, "data", { size: 1, on: false, blob: null });
  store.set({ blob: "x".repeat(1000), size: 3 });
  assert.ok(sessionStorage.getItem("bnn_lab:/page:data").length < 200);
});

test("the address keeps each explorable's state beside the others'", async () => {
  location.hash = "#other.size=7";
  const store = new Store(schema);
  links.linkAddress(store, "mine");
  store.set({ size: 2.5, on: true });
  await rest();
  assert.equal(location.hash, "#other.size=7&mine.size=2.5&mine.on=true");
  store.set({ size: 1, on: false });
  await rest();
  assert.equal(location.hash, "#other.size=7");
  location.hash = "#mine.size=4";
  globalThis.heard();
  assert.equal(store.state.size, 4);
});

test("an ordinary anchor in the address is left until something is set", async () => {
  location.hash = "#a-heading";
  const store = new Store(schema);
  links.linkAddress(store, "mine");
  await rest();
  assert.equal(location.hash, "#a-heading");
});
