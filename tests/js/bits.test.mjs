// The bits of switches and window are those of bnn_lab/reference.py: see make_vectors.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import switches from "../../bnn_lab/widgets/js/switches.js";
import window from "../../bnn_lab/widgets/js/window.js";

const vectors = JSON.parse(readFileSync(new URL("vectors/bits.json", import.meta.url)));
const { options } = window.definition.schema.fields.padding;

test("dot products of words are the oracle's", () => {
  for (const [length, a, w, dot] of vectors.dots) {
    assert.equal(switches.definition.compute({ length, a, w }).dot, dot, `${length} ${a} ${w}`);
  }
});

test("a switch moves the dot product by 2", () => {
  const { compute } = switches.definition;
  for (const [length, a, w, dot] of vectors.dots) {
    for (let i = 0; i < length; i++) {
      const flipped = compute({ length, a: (a ^ (1 << i)) >>> 0, w }).dot;
      assert.equal(Math.abs(flipped - dot), 2);
    }
  }
});

test("accumulators of both paddings, with flipped bits, are the oracle's", () => {
  for (const { state, accumulators } of vectors.convolutions) {
    const padding = options[state.ones ? 0 : 1];
    const found = window.definition.compute({ ...state, padding });
    assert.deepEqual(found.pixels.map(({ accumulator }) => accumulator), accumulators);
  }
});

test("flipping a bit twice gives the filter back", () => {
  const { state } = vectors.convolutions[3];
  const view = {
    state: { ...state, flips: [] },
    player: { pause() {} },
    set(changes) {
      Object.assign(this.state, changes);
    },
  };
  const scene = window.scene({ ...state, flips: [], padding: options[0] });
  const bit = window.definition.handles(scene).find(({ id }) => id === "bit7");
  bit.press(view);
  assert.equal(view.state.flips.length, 1);
  bit.press(view);
  assert.deepEqual(view.state.flips, []);
});
