// JavaScript computes what Python computed: see make_vectors.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as closedForms from "../../bnn_lab/widgets/js/core/closed_forms.js";
import * as random from "../../bnn_lab/widgets/js/core/random.js";
import * as simulate from "../../bnn_lab/widgets/js/core/simulate.js";
import { differences } from "./vectors.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url)));
const vectors = Object.fromEntries(
  ["random", "simulate", "closed_forms"].map((name) => [name, read(name)]),
);
const twins = { random, simulate, closedForms };

test("every number is Python's, to the last bit where no libm is involved", () => {
  assert.deepEqual(differences(twins, vectors), []);
});

test("the comparison notices a change of the last bit", () => {
  const changed = structuredClone(vectors);
  changed.random.normal[5][3] *= 1 + 2 ** -52;
  changed.simulate[2].watched[9] *= 1 + 2 ** -52;
  changed.simulate[3].firstFlips[0] += 1;
  changed.closed_forms.bopFlipRate[3][1] *= 1 + 1e-11;
  assert.equal(differences(twins, changed).length, 4);
});

test("a table that is kept is the one that was asked for", () => {
  const long = random.normalTable(5, 60, 7);
  assert.equal(random.normalTable(5, 40, 7)[8], long[8]);
  assert.notEqual(random.normalTable(6, 40, 7)[8], long[8]);
  assert.equal(random.normalTable(5, 60, 9)[9 + 3], long[7 + 3]); // one weight's noise is its own
});
