// The stages of the small kernel give what bnn_lab/reference.py gives: see make_vectors.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { hash32 } from "../../bnn_lab/widgets/js/core/random.js";
import { smallKernel } from "../../bnn_lab/widgets/js/core/small_kernel.js";
import { WASM } from "../../bnn_lab/widgets/js/core/small_kernel_bytes.js";

const vectors = JSON.parse(readFileSync(new URL("vectors/small_kernel.json", import.meta.url)));

const digest = (values) =>
  values.reduce((sum, value, i) => (sum + hash32((value + Math.imul(0x9e3779b9, i)) >>> 0)) >>> 0, 0);

/** Words of a case, drawn one after the other. */
function words(seed) {
  let next = seed;
  return (count) => Uint32Array.from({ length: count }, () => hash32(next++));
}

/** What lies inside the frame. */
function inside(image) {
  const rows = Array.from({ length: image.height }, (_, y) => {
    const at = image.index(y, 0);
    return [...image.view.subarray(at, at + image.width * image.depth)];
  });
  return rows.flat();
}

test("it is small", () => assert.ok((WASM.length * 3) / 4 <= 5000));

for (const { seed, shape, ...expected } of vectors) {
  const [height, width, channels, filters] = shape;
  test(`${shape} is exact`, async () => {
    const kernel = await smallKernel();
    const draw = words(seed);
    const depth = channels / 32;
    const x = draw(height * width * depth);
    const w = draw(filters * 9 * depth);
    const threshold = Int32Array.from(draw(filters), (word) => (word % 64) - 32);

    const input = kernel.image("bits", height, width, channels);
    input.put(x);
    const conv = kernel.binaryConv(input, filters, w);
    const pool = kernel.pool(conv.output);
    const signs = kernel.signs(conv.output, threshold);
    for (const stage of [conv, pool, signs]) stage.run();
    assert.equal(digest(conv.output.view), expected.accumulators);
    assert.equal(digest(pool.output.view), expected.pooled);
    assert.equal(digest(inside(signs.output)), expected.signs);
    // The frame is still padding: nothing but the pixels was written.
    const set = (values) => values.filter((word) => word !== 0).length;
    assert.equal(set(signs.output.view), set(inside(signs.output)));

    const floats = kernel.image("f32", height, width, depth);
    floats.put(Float32Array.from(x, (word) => (word % 15) - 7));
    const twin = kernel.floatConv(floats, filters, Float32Array.from(w, (word) => (word % 7) - 3));
    twin.run();
    assert.equal(digest(twin.output.view), expected.floats);
  });
}

test("a flipped weight changes its output channel by 2 where it is read", async () => {
  const kernel = await smallKernel();
  const draw = words(7);
  const input = kernel.image("bits", 4, 4, 64);
  input.put(draw(32));
  const conv = kernel.binaryConv(input, 32, draw(32 * 18));
  conv.run();
  const before = Int32Array.from(conv.output.view);
  const sign = conv.weight(5, 1, 1, 40);
  conv.flip(5, 1, 1, 40);
  assert.equal(conv.weight(5, 1, 1, 40), -sign);
  conv.run();
  conv.output.view.forEach((value, i) => {
    const pixel = Math.floor(i / 32);
    const activation = input.negative(Math.floor(pixel / 4), pixel % 4, 40) ? -1 : 1;
    assert.equal(value - before[i], i % 32 === 5 ? -2 * sign * activation : 0);
  });
});

test("batch normalization, ReLU, maxima and signs of floats", async () => {
  const kernel = await smallKernel();
  const x = kernel.image("f32", 2, 2, 32, false);
  x.put(Float32Array.from({ length: 128 }, (_, i) => i - 64));
  const scale = Float32Array.from({ length: 32 }, (_, c) => c - 10);
  const shift = Float32Array.from({ length: 32 }, (_, c) => 5 * c);
  const relu = kernel.relu(x, scale, shift);
  const pool = kernel.pool(x);
  const signs = kernel.signs(x, shift);
  for (const stage of [relu, pool, signs]) stage.run();
  const y = inside(relu.output);
  x.view.forEach((value, i) => {
    const c = i % 32;
    assert.equal(y[i], Math.max(value * scale[c] + shift[c], 0));
    assert.equal(signs.output.negative(i >> 6, (i >> 5) & 1, c), value < shift[c]);
  });
  assert.deepEqual([...pool.output.view], [...x.view.subarray(96)]);
});

test("what does not fit is refused", async () => {
  const kernel = await smallKernel();
  const bits = kernel.image("bits", 4, 4, 64);
  const refused = [
    [() => kernel.image("bits", 4, 4, 40), /40 channels/],
    [() => kernel.image("int", 4, 4, 32), /no images of int/],
    [() => kernel.image("f32", 0, 4, 32), /height is 0/],
    [() => bits.put(new Uint32Array(31)), /31 values for an image of 32/],
    [() => kernel.binaryConv(bits, 40, new Uint32Array(40 * 18)), /40 output channels/],
    [() => kernel.binaryConv(bits, 32, new Uint32Array(5)), /5 weights where 576/],
    [() => kernel.binaryConv(kernel.image("bits", 4, 4, 352), 32, []), /352 channels/],
    [() => kernel.floatConv(bits, 32, new Float32Array(9)), /framed image of f32/],
    [() => kernel.signs(bits, new Int32Array(64)), /output/],
    [() => kernel.pool(bits), /output/],
    [() => kernel.relu(bits, [], []), /unframed image of f32/],
    [() => kernel.binaryConv(bits, 32, new Uint32Array(576)).flip(32, 0, 0, 0), /no weight/],
  ];
  for (const [attempt, message] of refused) assert.throws(attempt, message);
});
