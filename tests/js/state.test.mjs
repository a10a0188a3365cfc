import assert from "node:assert/strict";
import test from "node:test";

import * as state from "../../bnn_lab/widgets/js/core/state.js";

const schema = {
  name: "test",
  fields: {
    rate: { kind: "number", default: 0.05, low: 0.005, high: 0.5, log: true },
    size: { kind: "number", default: 1, low: 0.1, high: 2, step: 0.05 },
    count: { kind: "number", default: 3, low: 1, high: 9, whole: true },
    clip: { kind: "number", default: null, low: 0.1, high: 2, optional: true },
    turns: { kind: "toggle", default: false },
    mode: { kind: "choice", default: "one", options: ["one", "other"] },
    blob: { kind: "data", default: null },
  },
};
const { fields } = schema;

test("what does not fit a field is left out, and numbers are brought into range", () => {
  const found = state.clean(schema, {
    rate: 7, size: 0.333, count: 2.6, clip: null, turns: "yes", mode: "third", nothing: 1,
  });
  assert.deepEqual(found, { rate: 0.5, size: 0.333, count: 3, clip: null });
  assert.deepEqual(state.clean(schema, { rate: NaN, size: null, count: "3" }), {});
});

test("numbers are short", () => {
  for (let i = 0; i <= 38; i++) {
    const value = state.snap(fields.size, 0.1 + i * 0.05 + 0.001);
    assert.ok(String(value).length <= 4, String(value));
  }
  assert.equal(state.fromShare(fields.rate, 0.5), 0.05);
  assert.equal(state.snap(fields.clip, 0.123456), 0.123);
  assert.equal(state.snap(fields.clip, null), null);
  assert.equal(state.snap(fields.mode, "other"), "other");
});

test("share and value are inverse, and keys reach both ends", () => {
  for (const field of [fields.rate, fields.size, fields.count]) {
    for (const share of [0, 0.25, 0.5, 1]) {
      const value = state.fromShare(field, share);
      assert.ok(Math.abs(state.toShare(field, value) - share) < 0.07);
    }
    let value = field.low;
    for (let presses = 0; presses < 60; presses++) {
      const next = state.nudge(field, value, 1);
      assert.ok(next > value || value === field.high, `${value} stays`);
      value = next;
    }
    assert.equal(value, field.high);
  }
});

test("a store tells of real changes only, and to all but in one go", () => {
  const store = new state.Store(schema, { size: 0.5 });
  const heard = [];
  const off = store.on((names, source) => heard.push([names, source]));
  store.set({ size: 0.5, turns: true, mode: "other" }, "python");
  store.set({ size: 0.5 });
  off();
  store.set({ size: 1 });
  assert.deepEqual(heard, [[["turns", "mode"], "python"]]);
  assert.equal(store.state.size, 1);
  assert.throws(() => (store.state.size = 2));
});

test("a link holds what differs, and gives it back", () => {
  const start = state.initialState(schema);
  const moved = { ...start, rate: 0.1, clip: 0.5, turns: true, mode: "other" };
  const text = state.toParameters(schema, "test", moved, start).toString();
  assert.deepEqual(state.initialState(schema, state.fromParameters(schema, "test", text)), moved);
  assert.deepEqual(state.fromParameters(schema, "other", text), {});
  assert.deepEqual(state.fromParameters(schema, "test", "test.rate=x&test.mode=y&test.z=1"), {});
  const off = state.toParameters(schema, "test", start, moved).toString();
  assert.deepEqual({ ...moved, ...state.fromParameters(schema, "test", off) }, start);
});

test("a link holds small whole numbers of data that allow it, and nothing else", () => {
  const fields = {
    strokes: { kind: "data", default: [[7, 8]], link: { lists: true, high: 280, most: 6 } },
    flips: { kind: "data", default: [], link: { lists: false, high: 99, most: 3 } },
    blob: { kind: "data", default: [1] },
  };
  const schema2 = { name: "test", fields };
  const start = state.initialState(schema2);
  const moved = { strokes: [[0, 280, 3], [4]], flips: [99, 0], blob: [1] };
  const text = state.toParameters(schema2, "a", moved, start).toString();
  assert.equal(text, "a.strokes=0.280.3_4&a.flips=99.0");
  assert.deepEqual(state.fromParameters(schema2, "a", text), { strokes: moved.strokes, flips: moved.flips });
  const empty = state.toParameters(schema2, "a", { ...start, strokes: [] }, start).toString();
  assert.deepEqual(state.fromParameters(schema2, "a", empty), { strokes: [] });
  // What a link could not give back, it does not take.
  for (const strokes of [[[]], [[1.5]], [[-1]], [[281]], [[1, 2, 3, 4, 5, 6, 7]], ["x"], null, 3]) {
    assert.equal(state.toParameters(schema2, "a", { ...start, strokes }, start).toString(), "");
  }
  assert.equal(state.toParameters(schema2, "a", { ...start, blob: [2] }, start).toString(), "");
  const bad = ["strokes=281", "strokes=1._2", "strokes=1e2", "strokes=x", "flips=1_2", "flips=1.2.3.4", "blob=2"];
  for (const one of [...bad, `strokes=${"0".repeat(99)}`]) {
    assert.deepEqual(state.fromParameters(schema2, "a", `a.${one}`), {}, one);
  }
});

test("numbers as readers write them", () => {
  const shown = [0, 1, 0.05, 1 / 3, 123.4, 1e-6, 1e-4, 1.5e-4, 2e5].map(state.format);
  assert.deepEqual(shown, ["0", "1", "0.05", "0.333", "123", "1e-6", "1e-4", "1.5e-4", "2e+5"]);
  assert.equal(state.show(fields.clip, null), "off");
  assert.equal(state.show({ unit: "ms" }, 2), "2 ms");
  assert.equal(state.show({ unit: "ms" }, 1), "1 ms");
  assert.equal(state.show({ unit: "frames" }, 1), "1 frame");
  assert.equal(state.show({ unit: "frames" }, 10), "10 frames");
  assert.equal(state.show({ unit: "%" }, 1), "1 %");
});
