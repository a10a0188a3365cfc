import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import made, { compute, STEPS, WEIGHTS } from "../../bnn_lab/widgets/js/dead_zone.js";
import { simulateTernary } from "../../bnn_lab/widgets/js/core/simulate.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const { definition } = made;
const start = (changes = {}) => initialState(definition.schema, changes);
const vectors = JSON.parse(readFileSync(new URL("vectors/ternary_rows.json", import.meta.url)));

test("every latent weight and every trit is Python's", () => {
  assert.ok(vectors.length > 4);
  for (const { rule, run, goals, latents, means, trits, moves } of vectors) {
    const found = simulateTernary(rule, run);
    assert.deepEqual([...found.goals], goals);
    assert.deepEqual([...found.latents.slice(-run.weights)], latents);
    assert.deepEqual([...found.means], means);
    assert.deepEqual([...found.trits.slice(-run.weights)], trits);
    assert.deepEqual([...found.moves], moves.flat());
  }
});

const zeros = ({ run }) => run.trits.filter((trit) => trit === 0).length / run.trits.length;
const total = ({ bins }, kind) => bins.reduce((sum, bin) => sum + bin[kind], 0);

test("without a dead zone the weights are binary, and those that should be 0 never rest", () => {
  const data = compute(start({ zone: 0, noise: 0 }));
  assert.equal(zeros(data), 0);
  assert.equal(total(data, 0) + total(data, 1), 0);
  let late = 0;
  for (let step = STEPS - 50; step < STEPS; step++) {
    for (let i = 0; i < WEIGHTS; i++) {
      const at = (step + 1) * WEIGHTS + i;
      if (data.run.trits[at] === data.run.trits[at - WEIGHTS]) continue;
      assert.equal(data.run.goals[i], 0);
      late++;
    }
  }
  assert.ok(late > 50);
});

test("a wider zone holds more zeros", () => {
  const shares = [0, 0.25, 0.5, 1, 2].map((zone) => zeros(compute(start({ zone }))));
  shares.slice(1).forEach((share, k) => assert.ok(share > shares[k] + 0.02));
});

test("without noise the weights of a zone come to rest at their goals", () => {
  const { run } = compute(start({ noise: 0, learning_rate: 0.2 }));
  const last = run.trits.slice(-WEIGHTS);
  assert.deepEqual([...last], [...run.goals]);
});

test("either handle is where the zone ends", () => {
  for (const zone of [0.25, 0.5, 1.3, 2]) {
    for (const handle of definition.handles(made.scene({ zone }))) {
      assert.ok(Math.abs(handle.from(handle.x, handle.y) - zone) < 1e-9);
    }
  }
});
