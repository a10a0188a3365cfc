// The page's own kernels on recorded layers: floats and bits by WebAssembly, bits in plain
// JavaScript. One small kernel of 3x3 filters, so layers of other shapes are left out; the site's
// page "Measure your device" has the large ones, LiteRT.js beside them.

import { pageKernel } from "./page_kernel.js";
import { hash32 } from "./random.js";
import { scriptKernel } from "./script_kernel.js";

const PAGES = 120; // of 64 KiB: more than the floats of a layer of 256 channels
const ROUNDS = 9;
const SECONDS = 0.008; // of a round: many steps of a page's clock
const MOST_CHANNELS = 320; // of the small kernel: its sums of bytes stay below 256

/** Whether this page can measure a layer. */
export const fits = ({ kernel, channels_in: channels, channels_out: out, size }) =>
  kernel === 3 && size > 1 && channels <= MOST_CHANNELS && channels % 32 === 0 && out % 32 === 0;

/** A run of those of the layers that fit; tell(share) as it goes on. The page stays alive meanwhile. */
export async function measureHere(layers, tell = () => {}) {
  const chosen = layers.filter(fits);
  const found = [];
  for (const [i, layer] of chosen.entries()) {
    found.push(await measureLayer(layer, (share) => tell((i + share) / chosen.length)));
  }
  return { machine: "this browser", layers: found, roof: null };
}

async function measureLayer(layer, tell) {
  const calls = callsOf(layer);
  for (const call of calls) {
    call.run();
    const once = timed(call.run, 1);
    call.count = Math.max(1, Math.round(SECONDS / Math.max(once, 1e-5)));
    call.taken = [];
    await pause();
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const call of calls) call.taken.push(timed(call.run, call.count) / call.count);
    tell((round + 1) / ROUNDS);
    await pause();
  }
  const rows = calls.map(({ name, taken }) => {
    const sorted = taken.sort((a, b) => a - b);
    return [name, sorted[0], sorted[ROUNDS >> 1]];
  });
  return { ...layer, rows, ceilings: {} };
}

/** What is compared; throws where the two binary kernels disagree. */
export function callsOf({ size, channels_in: channels, channels_out: out }) {
  const words = channels / 32;
  const pixels = (size + 2) ** 2;
  const page = pageKernel(PAGES);
  const random = (i) => hash32(i) >>> 0;
  const filled = (array, of) => {
    for (let i = 0; i < array.length; i += 1) array[i] = of(i);
    return array;
  };
  const float = (i) => (random(i) & 255) / 128 - 1;
  const values = filled(page.array(Float32Array, pixels * channels), float);
  const floatWeights = filled(page.array(Float32Array, 9 * channels * out), float);
  const floatOut = page.array(Float32Array, size * size * out);
  const calls = [
    {
      name: `float32, ${page.name}`,
      run: () => page.floatConv(values, floatWeights, floatOut, size, size, channels, out),
    },
  ];
  const script = scriptKernel();
  const results = [];
  for (const kernel of page.name === script.name ? [script] : [script, page]) {
    const bits = filled(kernel.array(Uint32Array, pixels * words), random);
    const weights = filled(kernel.array(Uint32Array, 9 * words * out), (i) => random(i + 13));
    const sums = kernel.array(Int32Array, size * size * out);
    const run = () => kernel.binaryConv(bits, weights, sums, size, size, words, out);
    run();
    results.push(sums);
    calls.push({ name: `bits, ${kernel.name}`, run });
  }
  if (results.some((sums) => sums.some((value, i) => value !== results[0][i]))) {
    throw new Error("the kernels of this page disagree");
  }
  return calls;
}

function timed(run, count) {
  const begin = performance.now();
  for (let i = 0; i < count; i += 1) run();
  return (performance.now() - begin) / 1e3;
}

const pause = () => new Promise((done) => setTimeout(done));
