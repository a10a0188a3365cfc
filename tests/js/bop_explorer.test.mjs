import assert from "node:assert/strict";
import test from "node:test";

import made, { compute, STEPS, WEIGHTS } from "../../bnn_lab/widgets/js/bop_explorer.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const { definition } = made;
const start = (changes = {}) => initialState(definition.schema, changes);

test("without drift the weights flip as often as the formula says", () => {
  for (const changes of [{}, { gamma: 0.1, threshold: 0 }, { gamma: 0.02, threshold: 0.1 }]) {
    const { longRate, predicted } = compute(start(changes));
    assert.ok(Math.abs(longRate / predicted - 1) < 0.12, `${longRate} ${predicted}`);
  }
});

test("without noise they flip when they are due, and back after the drift has turned", () => {
  for (const gamma of [0.02, 0.05, 0.3]) {
    for (const threshold of [0, 0.2]) {
      const state = start({ gamma, threshold, drift: 0.5, noise: 0, turn: true });
      const { due, run } = compute(state);
      assert.equal(due.length, 2);
      const flips = [];
      run.flipsPerStep.forEach((count, step) => count && flips.push(step + 1));
      assert.deepEqual(flips, due);
      assert.ok(run.flipsPerStep.every((count) => count === 0 || count === WEIGHTS));
    }
  }
});

test("a drift within the gates flips nothing, and that is said", () => {
  const state = { drift: 0.3, threshold: 0.4, noise: 0 };
  assert.deepEqual(compute(start(state)).due, []);
  assert.match(made.describe(state), /no weight would flip/);
});

test("m stays in its band: mean and spread are the simulation's", () => {
  const { run, mean, spread } = compute(start({ drift: 0.3, turn: true, threshold: 0.6 }));
  for (const step of [5, 60, 299, 310, 340, STEPS]) {
    const all = run.watched.subarray(step * WEIGHTS, (step + 1) * WEIGHTS);
    const average = all.reduce((sum, m) => sum + m, 0) / WEIGHTS;
    const square = all.reduce((sum, m) => sum + (m - average) ** 2, 0) / WEIGHTS;
    assert.ok(Math.abs(average - mean[step]) < (4 * spread[step]) / Math.sqrt(WEIGHTS), `${step}`);
    assert.ok(Math.abs(Math.sqrt(square) / spread[step] - 1) < 0.15, `${step}`);
  }
});

test("what is dragged is where the pointer is", () => {
  const scene = made.scene({ drift: 0.25 });
  const { state } = scene;
  for (const { from, x, y, field, id } of definition.handles(scene)) {
    assert.ok(Math.abs(from(x, y) - state[field]) < 1e-9, id);
  }
});

test("both gates can be pulled away from 0, and pushed to it", () => {
  for (const threshold of [0, 0.02, 0.3]) {
    const found = definition.handles(made.scene({ threshold }, 900));
    const [lower, upper] = ["lower", "upper"].map((id) => found.find((one) => one.id === id));
    assert.ok(lower.y - upper.y >= lower.reach + upper.reach && lower.reach >= 11);
    for (const [gate, away] of [[lower, 1], [upper, -1]]) {
      assert.equal(gate.from(0, gate.y - 900 * away), 0);
      assert.ok(gate.from(0, gate.y + 60 * away) > threshold + 0.05);
    }
  }
});
