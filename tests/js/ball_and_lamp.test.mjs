import assert from "node:assert/strict";
import test from "node:test";

import made, { compute, STEPS, WEIGHTS } from "../../bnn_lab/widgets/js/ball_and_lamp.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const { definition } = made;
const start = (changes = {}) => initialState(definition.schema, changes);

test("the bars follow the formula", () => {
  for (const changes of [{}, { initial: 1.8, learning_rate: 0.1 }, { noise: 2, drift: 0.4 }]) {
    const { counts, bins, run } = compute(start(changes));
    const apart = counts.reduce((sum, n, i) => sum + Math.abs(n / WEIGHTS - bins[i].share), 0) / 2;
    // Of 400 weights in some 15 bins: their own scatter is about 0.08.
    assert.ok(apart < 0.14, `${JSON.stringify(changes)}: ${apart}`);
    assert.equal(
      counts.reduce((sum, n) => sum + n, 0),
      run.firstFlips.filter((step) => step <= STEPS).length,
    );
  }
});

test("without noise all flip at the step that the formula names", () => {
  const { run, bins, counts } = compute(start({ noise: 0, drift: 0.5, learning_rate: 2 ** -5 }));
  assert.deepEqual([...new Set(run.firstFlips)], [65]); // at 64 it is exactly 0, which is still +1
  const full = bins.findIndex(({ share }) => share === 1);
  assert.equal(counts[full], WEIGHTS);
});

test("twice the latent weight at twice the learning rate is the same", () => {
  const [one, two] = [{}, { initial: 2, learning_rate: 0.1 }].map((c) => compute(start(c)).run);
  assert.deepEqual(two.signs, one.signs);
});

test("walls hold: none is beyond them, and after a turn the weights are back sooner", () => {
  const free = compute(start({ turn: true, drift: 0.5, noise: 0.5 })).run;
  const held = compute(start({ turn: true, drift: 0.5, noise: 0.5, clip: 0.3 })).run;
  assert.ok(held.watched.every((latent) => Math.abs(latent) <= 0.3));
  const soon = (STEPS / 2 + 60) * WEIGHTS;
  const up = ({ signs }) => signs.subarray(soon, soon + WEIGHTS).filter((sign) => sign > 0).length;
  assert.ok(up(held) > up(free) + WEIGHTS / 2);
});

test("a hand that lifts the ball on its way changes its path from there, and no other's", () => {
  const view = { state: start({ step: 100 }), player: { step: 100 }, local: {} };
  const scene = { ...made.scene({ step: 100 }), local: view.local };
  const before = made.definition.handles(scene)[0];
  before.set(1.5, view);
  const after = definition.handles({ ...scene, layout: definition.layout(scene) })[0];
  assert.deepEqual(view.local.hand, { step: 100, value: 1.5 });
  assert.equal(after.value, 1.5);
  assert.ok(after.y < before.y);
  view.player.step = 99;
  definition.moved(view);
  assert.equal(view.local.hand, null); // before the hand came, it had not been there
});

test("what is dragged is where the pointer is", () => {
  const scene = made.scene({});
  const [ball, due] = definition.handles(scene);
  assert.ok(Math.abs(ball.from(ball.x, ball.y) - scene.state.initial) < 1e-9);
  assert.ok(Math.abs(due.from(due.x, due.y) - scene.state.drift) < 1e-9);
});

test("height in kicks: a smaller learning rate lifts the ball, not its latent weight", () => {
  const y = (changes) => definition.handles(made.scene(changes))[0].y;
  assert.equal(y({ learning_rate: 0.1 }), y({}));
  assert.ok(y({ learning_rate: 0.1, in_kicks: true }) > y({ in_kicks: true }));
  assert.equal(y({ in_kicks: true }), y({}));
});
