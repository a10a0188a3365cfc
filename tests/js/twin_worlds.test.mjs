import assert from "node:assert/strict";
import test from "node:test";

import made, { compute, STEPS, WEIGHTS } from "../../bnn_lab/widgets/js/twin_worlds.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const { definition } = made;
const start = (changes = {}) => initialState(definition.schema, changes);
const SCALES = [0.1, 0.25, 0.333, 0.4, 0.777, 1];
const wrong = ({ differs }) => differs.reduce((sum, one) => sum + one, 0);

test("no lamp differs where all sizes are scaled, whatever the scale", () => {
  for (const rule of ["plain", "momentum", "walls that shrink too"]) {
    for (const scale of SCALES) {
      for (const seed of [0, 7]) {
        const data = compute(start({ rule, scale, seed }));
        assert.equal(wrong(data), 0, `${rule}, C = ${scale}`);
        assert.equal(data.begins, null);
      }
    }
  }
});

test("a power of two scales latent weights without rounding", () => {
  const { first, twin } = compute(start({ scale: 0.25 }));
  first.watched.forEach((latent, at) => assert.equal(twin.watched[at], latent / 4));
});

test("walls that stay break it, unless the twin is as large", () => {
  for (const scale of SCALES) {
    const data = compute(start({ rule: "walls that stay", scale }));
    if (scale === 1) assert.equal(wrong(data), 0);
    else assert.ok(wrong(data) > WEIGHTS && data.begins < STEPS / 2, `C = ${scale}`);
  }
});

test("walls that are never reached break nothing", () => {
  const { first } = compute(start({ noise: 0.3 }));
  const highest = first.watched.reduce((most, latent) => Math.max(most, Math.abs(latent)), 0);
  assert.ok(highest < 1.3);
  assert.equal(wrong(compute(start({ noise: 0.3, rule: "walls that stay", walls: 1.3 }))), 0);
});

test("the worlds are alive: flips go on to the end", () => {
  const { first } = compute(start());
  const late = first.flipsPerStep.subarray(STEPS - 50).reduce((sum, n) => sum + n, 0);
  assert.ok(late > 20);
});

test("the corner that is dragged is where the pointer is", () => {
  for (const scale of [0.1, 0.4, 1]) {
    const [corner] = definition.handles(made.scene({ scale }));
    assert.ok(Math.abs(corner.from(corner.x, corner.y) - scale) < 1e-9);
  }
});
