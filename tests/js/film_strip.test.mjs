// The strip's layers are those of bnn_lab/lessons/designer.py: see make_vectors.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import strip, { layersOf } from "../../bnn_lab/widgets/js/film_strip.js";

const vectors = JSON.parse(readFileSync(new URL("vectors/designs.json", import.meta.url)));
const costs = strip.definition.schema.fields.costs.default;

test("parts, MACs, bytes and times of every layer are Python's", () => {
  for (const { state, ms, macs, bytes, parts } of vectors) {
    const layers = layersOf({ ...state, costs });
    assert.deepEqual(layers.map(({ part }) => part), parts);
    assert.deepEqual(layers.map((layer) => layer.macs), macs);
    assert.deepEqual(layers.map((layer) => layer.bytes), bytes);
    layers.forEach((layer, i) => {
      assert.ok(Math.abs(layer.ms - ms[i]) <= 6e-4 * ms[i], `${parts[i]} ${i}: ${layer.ms}, not ${ms[i]}`);
    });
  }
});

test("a block more takes more time, and its button stays within the range", () => {
  const view = { state: { ...vectors[0].state, blocks_1: 12, costs }, set(changes) {
    this.state = { ...this.state, ...changes };
  } };
  const scene = strip.scene(view.state);
  const press = (id) => strip.definition.handles(scene).find((handle) => handle.id === id).press(view);
  const before = strip.definition.compute({ ...view.state, blocks_1: 11 }).ms;
  assert.ok(strip.definition.compute(view.state).ms > before);
  press("blocks_1-1");
  assert.equal(view.state.blocks_1, 11);
});
