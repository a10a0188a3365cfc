// The kernels' modules: deep windows and refusals. tests/native/test_wasm.py compares with the oracle.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { hasRelaxed, loadKernels } from "../../docs/_static/measure/kernels.js";

const FOLDER = new URL("../../docs/_static/measure/", import.meta.url);
const read = (name) => readFile(new URL(name, FOLDER));
const modules = await Promise.all([false, true].map((relaxed) => loadKernels(read, relaxed)));
const each = modules.flatMap((kernels) => kernels.backends.map((backend) => [kernels, backend]));

test("the best module is taken", async () => {
  assert.ok(hasRelaxed());
  assert.equal((await loadKernels(read)).backend, "wasm_relaxed");
  assert.deepEqual(each.map(([, backend]) => backend), ["wasm", "wasm", "wasm_relaxed"]);
});

for (const [kernels, backend] of each) {
  const name = `${kernels.name} ${backend}`;

  test(`${name}: deeper than 16 bits count`, () => {
    const channels_in = 70000;
    const words = Math.ceil(channels_in / 32);
    const filters = new Uint32Array(words * 3);
    const conv = kernels.conv({ channels_in, channels_out: 3 }, { filters }, backend);
    conv.resize(1, 2);
    assert.equal(conv.macs, 2 * 3 * channels_in);
    const x = new Uint32Array(2 * words).fill(0xffffffff); // every value differs
    for (const last of [words - 1, 2 * words - 1]) x[last] = 2 ** (channels_in % 32) - 1;
    assert.deepEqual([...conv.run(x)], Array(6).fill(-channels_in));
    conv.free();
  });

  test(`${name}: what is wrong is refused, and it goes on`, () => {
    const fields = { channels_in: 64, channels_out: 3 };
    const filters = new Uint32Array(6);
    const made = (changes, arrays = {}) => () =>
      kernels.conv({ ...fields, ...changes }, { filters, ...arrays }, backend);
    const refused = [
      [made({ groups: 4 }, { filters: new Uint32Array(3) }), /groups \(4\) must divide/],
      [made({ stride_width: 0 }), /stride_width must/],
      [made({ output: 9 }), /output: unknown/],
      [made({ activation: 7 }), /activation: unknown/],
      [made({ padding: 1 }), /has no padding/],
      [made({}, { bias: new Float32Array(2) }), /bias has 2 values/],
      [made({}, { filters: new Uint32Array(1) }), /1 words of filters; 6/],
      [() => kernels.conv(fields, { filters }, "neon"), /no backend neon; there are wasm/],
    ];
    for (const [attempt, message] of refused) assert.throws(attempt, message);
    const conv = kernels.conv({ channels_in: 32, channels_out: 1 }, { filters: Uint32Array.of(1) });
    assert.throws(() => conv.run(Uint32Array.of(0)), /resize\(\) comes before/);
    conv.resize(1, 1);
    assert.throws(() => conv.run(new Uint32Array(2)), /2 words; 1 are needed/);
    assert.equal(conv.run(Uint32Array.of(0))[0], 30);
    conv.free();
  });
}
