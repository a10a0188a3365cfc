// What keeps an explorable's state beside the page itself: Python, the browser tab, the link.

import { fromParameters, same, toParameters } from "./state.js";

const QUIET = 120; // milliseconds between two messages to the kernel
const QUIET_LINK = 400; // and between changes of the link; Safari allows 100 in 30 seconds

/**
 * Keep a store and an anywidget model equal. The page owns the state: Python hears of changes when
 * it has time, and its own arrive as anyone else's.
 *
 * @returns a function that ends it
 */
export function linkModel(store, model) {
  const names = Object.keys(store.schema.fields);
  const initial = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  store.set(initial, "python");
  const send = throttled(() => model.save_changes());
  const off = store.on((changed, source) => {
    if (source === "python") return;
    for (const name of changed) model.set(name, store.state[name]);
    send();
  });
  const listeners = names.map((name) => {
    const listener = () => store.set({ [name]: model.get(name) }, "python");
    model.on(`change:${name}`, listener);
    return () => model.off(`change:${name}`, listener);
  });
  return () => [off, ...listeners].forEach((end) => end());
}

/**
 * Start where the reader left an explorable of this name on this page, and keep where it is left:
 * over a new run of its cell, a reload, and a restart of the kernel. `start` is what the program
 * asks for; if that is another one now, or the state is no longer it, the program is right. Data
 * are the program's alone.
 *
 * @returns a function that ends it
 */
export function linkTab(store, name, start) {
  const key = `bnn_lab:${globalThis.location?.pathname}:${name}`;
  const small = (state) =>
    Object.fromEntries(
      Object.entries(state).filter(([field]) => store.schema.fields[field].kind !== "data"),
    );
  const asked = small(start);
  const kept = read(key);
  if (kept && same(kept.start, asked) && same(small(store.state), asked)) {
    store.set(kept.state, "tab");
  }
  return store.on(() => write(key, { start: asked, state: small(store.state) }));
}

/** Take the state from the page's address, and keep it there: a setting can be sent as a link. */
export function linkAddress(store, name) {
  const start = store.state;
  const take = () => store.set(fromParameters(store.schema, name, location.hash.slice(1)), "link");
  take();
  globalThis.addEventListener("hashchange", take);
  const write = throttled(() => history.replaceState(history.state, "", address(store, name, start)), QUIET_LINK);
  const off = store.on((_, source) => source !== "link" && write());
  return () => {
    off();
    globalThis.removeEventListener("hashchange", take);
  };
}

/** This page's address with the state of one explorable in it, and those of others as they are. */
export function address(store, name, start) {
  const others = location.hash.slice(1);
  const parameters = new URLSearchParams(others.includes("=") ? others : "");
  for (const key of [...parameters.keys()]) {
    if (key.startsWith(`${name}.`)) parameters.delete(key);
  }
  toParameters(store.schema, name, store.state, start).forEach((v, k) => parameters.set(k, v));
  const text = parameters.toString();
  return `${location.pathname}${location.search}${text && `#${text}`}`;
}

/** Calls at once, then at most every `quiet` milliseconds, and the last one always. */
function throttled(act, quiet = QUIET) {
  let timer = null;
  let again = false;
  const due = () => {
    timer = null;
    if (!again) return;
    again = false;
    call();
  };
  const call = () => {
    if (timer !== null) {
      again = true;
      return;
    }
    timer = setTimeout(due, quiet);
    act();
  };
  return call;
}

const kept = new Map(); // where a page may not store anything, such as in a sandboxed frame

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? kept.get(key);
  } catch {
    return kept.get(key);
  }
}

function write(key, value) {
  kept.set(key, value);
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // full or forbidden: the map has it
  }
}
