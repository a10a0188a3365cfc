// Kernel ladder, roofline and profile: what they compute of recorded runs, and what a page measures.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import ladder, { compute as rungs } from "../../bnn_lab/widgets/js/kernel_ladder.js";
import { barsOf, compute as profile } from "../../bnn_lab/widgets/js/op_profile.js";
import roofline, { boundOf, convBytes } from "../../bnn_lab/widgets/js/roofline.js";
import { callsOf, fits, measureHere } from "../../bnn_lab/widgets/js/core/measure_here.js";
import { allRuns } from "../../bnn_lab/widgets/js/core/runs.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";
import { placeTabs } from "../../bnn_lab/widgets/js/core/tabs.js";
import { at, grouped, seconds } from "../../bnn_lab/widgets/js/core/words.js";

const vectors = JSON.parse(readFileSync(new URL("vectors/conv_bytes.json", import.meta.url)));
const start = (made, more = {}) => initialState(made.definition.schema, more);
const layer = (size, channels) => ({
  name: `3x3 ${size},${channels}`, size, channels_in: channels, channels_out: channels, kernel: 3,
  macs: size ** 2 * 9 * channels ** 2, rows: [["NumPy, floats", 2e-3, 3e-3], ["bnn_lab avx2", 1e-4, 2e-4]], ceilings: { avx2: 900 },
});
const ROOF = { ceilings: { scalar: 300, avx2: 1000 }, float_best: 100, bandwidths: { memory: 10, cache: 100 } };

test("bytes of a convolution are Python's", () => {
  assert.ok(vectors.length > 10);
  for (const [sizes, bits, outputBits, bytes, macs] of vectors) {
    const [size, inputs, outputs, kernel] = sizes;
    const conv = { size, channels_in: inputs, channels_out: outputs, kernel };
    assert.equal(convBytes(conv, bits, outputBits), bytes);
    assert.equal(size ** 2 * kernel ** 2 * inputs * outputs, macs);
  }
});

test("a bound is the lower one of two", () => {
  const bound = (more) => boundOf(ROOF, start(roofline, more));
  assert.deepEqual([bound({ size: 56, channels: 64 }).gmacs, bound({ size: 56, channels: 64 }).byMemory], [1000, false]);
  const dense = { size: 1, channels: 2048, kernel: "1x1" };
  assert.ok(bound(dense).byMemory);
  assert.equal(bound(dense).gmacs, 10 * bound(dense).intensity);
  assert.ok(Math.abs(bound({ ...dense, place: "cache" }).gmacs / bound(dense).gmacs - 10) < 1e-12);
  assert.equal(bound({ size: 56, channels: 64, values: "float32" }).gmacs, 100);
  assert.ok(bound({ values: "binary, writes bits" }).intensity > 5 * bound({}).intensity);
});

test("the star is dragged to the channels below the pointer", () => {
  const scene = roofline.scene({ size: 14 }, 900);
  const star = (of) => roofline.definition.handles(of).find(({ id }) => id === "star");
  for (const channels of [32, 256, 1024]) {
    const there = star(roofline.scene({ size: 14, channels }, 900));
    assert.equal(star(scene).from(there.x, 0), channels);
  }
});

test("own runs come before recorded ones, and stand for those of the same machine", () => {
  const [recorded] = allRuns(null);
  const own = { machine: recorded.machine, layers: [layer(8, 32)], roof: ROOF };
  assert.deepEqual(allRuns(own, null).filter(({ machine }) => machine === own.machine), [own]);
  assert.equal(allRuns({ ...own, machine: "mine" }, null).length, allRuns(null).length + 1);
  assert.equal(rungs(start(ladder, { own })).run, own);
  for (const wrong of [-1, 99, NaN, "x", null]) assert.ok([1, 2].includes(at([1, 2], wrong)));
});

test("rows are compared with the pressed one", () => {
  const own = { machine: "mine", layers: [layer(8, 32)], roof: null };
  const [floats, avx2] = rungs(start(ladder, { own })).rows;
  assert.deepEqual([floats.factor, Math.round(avx2.factor)], [1, 20]);
  assert.deepEqual([floats.binary, avx2.binary, avx2.ceiling], [false, true, 900]);
  const scene = ladder.scene({ own }, 900);
  const changes = [];
  const press = ladder.definition.handles(scene).find(({ id }) => id === "row1").press;
  press({ set: (change) => changes.push(change) });
  assert.deepEqual(changes, [{ against: 1 }]);
  assert.equal(rungs(start(ladder, { own, against: 1 })).rows[0].factor, 0.05);
  // A run without a roof is a ladder's, not a roofline's.
  assert.notEqual(roofline.scene({ own }, 900).data.run, own);
});

test("small ops are joined and nothing is lost", () => {
  const rows = [["convolution", "", 1, false, null], ["binary convolution", "", 3, true, 5], ["binary convolution", "", 5, true, 5],
    ["average", "", 0.6, false, null], ["softmax", "", 0.4, false, null]];
  const labels = (grouping, least) => barsOf({ rows }, grouping, least).map(({ label }) => label);
  assert.deepEqual(labels("op by op", 7), ["1. convolution", "2. binary convolution", "3. binary convolution", "the rest"]);
  assert.equal(labels("op by op", 4.5).length, 5); // one needs no joining
  assert.deepEqual(labels("kinds of ops", 0), ["binary convolution", "convolution", "average", "softmax"]);
  for (const [grouping, least] of [["op by op", 0], ["op by op", 7], ["kinds of ops", 20]]) {
    const bars = barsOf({ rows }, grouping, least);
    assert.ok(Math.abs(bars.reduce((sum, { ms }) => sum + ms, 0) - 10) < 1e-9);
    assert.deepEqual(bars.flatMap((bar) => bar.rows).sort(), [0, 1, 2, 3, 4]);
  }
  const files = [{ name: "a", ms: 10, rows }, { name: "b", ms: 40, rows: [["convolution", "", 40, false, null]] }];
  const state = { files, file: 0, grouping: "op by op", least: 0 };
  assert.deepEqual([profile({ ...state, same_scale: false }).longest, profile({ ...state, same_scale: true }).longest], [5, 40]);
});

test("numbers as Python writes them", () => {
  assert.deepEqual([2437.2, 45.4, 2.44, 0.5].map((value) => grouped(value)), ["2,437", "45", "2.4", "0.5"]);
  assert.deepEqual([4.74e-5, 1.17e-3, 2.5, 9.996e-3].map(seconds), ["47.4 \u00b5s", "1.17 ms", "2.50 s", "10.0 ms"]);
});

test("tabs wrap and stay inside", () => {
  const { boxes, bottom } = placeTabs(["a machine of a long name", "another", "x".repeat(90)], 12, 318, 10);
  for (const box of boxes) assert.ok(box.x >= 12 && box.x + box.width <= 318 && box.y + box.height <= bottom);
  assert.ok(boxes[2].y > boxes[0].y);
  assert.equal(placeTabs([], 0, 100, 7).bottom, 7);
});

test("a page measures the layers that its kernels fit", async () => {
  const small = layer(8, 32);
  assert.deepEqual([small, layer(7, 512), { ...small, kernel: 1 }, { ...small, size: 1 }].map(fits), [true, false, false, false]);
  const names = callsOf(small).map(({ name }) => name);
  assert.deepEqual(names, ["float32, WebAssembly", "bits, JavaScript", "bits, WebAssembly"]);
  const shares = [];
  const run = await measureHere([small, layer(7, 512)], (share) => shares.push(share));
  assert.deepEqual(run.layers.map(({ name }) => name), [small.name]);
  for (const [name, best, median] of run.layers[0].rows) {
    assert.ok(names.includes(name) && best > 0 && median >= best, name);
  }
  assert.equal(shares.at(-1), 1);
  assert.ok(rungs(start(ladder, { browser: run })).run.layers.length === 1);
  assert.doesNotMatch(ladder.describe({ browser: run }), /NaN|Infinity/);
});

test("the star of a layer of little work lies on the roof, inside of the axes", () => {
  const state = { size: 1, channels: 32, kernel: "5x5", values: "float32", place: "cache" };
  for (const width of [340, 900]) {
    const { data, layout: l } = roofline.scene(state, width);
    assert.ok(data.bound.intensity < 1 && data.bound.byMemory);
    const x = l.x(data.bound.intensity);
    assert.ok(x > l.left && x < l.x(1), `${width}: ${x}`);
  }
  const words = roofline.describe(state);
  assert.match(words, /: 25,600 MACs and 103 kB/);
  assert.match(roofline.describe({ size: 112, channels: 2048 }), /: 473\.5 billion MACs and 110\.7 MB/);
});
