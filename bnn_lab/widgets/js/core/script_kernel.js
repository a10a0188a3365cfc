// Convolutions in plain JavaScript, for pages and engines without WebAssembly's SIMD: the same
// functions and layouts as native/src/wasm/small, whose notes describe them.
//
//   array(Type, length)                                       memory that the functions can use
//   binaryConv(x, weights, out, height, width, words, channels)      [tap][word][channel]
//   floatConv(x, weights, out, height, width, inputs, channels)      [tap][input][channel]
//   signsInt, signsFloat(x, threshold, bits, height, width, channels)      bit: x < threshold
//   poolInt, poolFloat(x, out, height, width, channels)                    maxima of 2x2 pixels
//
// What a convolution reads, and signs write, has a frame of one pixel around it.

import { popcount } from "./bits.js";

export function scriptKernel() {
  return {
    name: "JavaScript",
    array: (Type, length) => new Type(length),
    binaryConv,
    floatConv,
    signsInt: signs,
    signsFloat: signs,
    poolInt: pool,
    poolFloat: pool,
  };
}

function binaryConv(x, weights, out, height, width, words, channels) {
  const depth = 9 * 32 * words;
  const row = (width + 2) * words;
  for (let y = 0, to = 0; y < height; y++) {
    for (let i = 0; i < width; i++, to += channels) {
      for (let c = 0; c < channels; c++) out[to + c] = depth;
      for (let tap = 0, w = 0; tap < 9; tap++) {
        const from = (y + Math.floor(tap / 3)) * row + (i + (tap % 3)) * words;
        for (let k = 0; k < words; k++) {
          const bits = x[from + k];
          for (let c = 0; c < channels; c++) out[to + c] -= 2 * popcount(bits ^ weights[w++]);
        }
      }
    }
  }
}

function floatConv(x, weights, out, height, width, inputs, channels) {
  const row = (width + 2) * inputs;
  for (let y = 0, to = 0; y < height; y++) {
    for (let i = 0; i < width; i++, to += channels) {
      for (let c = 0; c < channels; c++) out[to + c] = 0;
      for (let tap = 0, w = 0; tap < 9; tap++) {
        const from = (y + Math.floor(tap / 3)) * row + (i + (tap % 3)) * inputs;
        for (let k = 0; k < inputs; k++) {
          const value = x[from + k];
          for (let c = 0; c < channels; c++) out[to + c] += value * weights[w++];
        }
      }
    }
  }
}

function signs(x, threshold, bits, height, width, channels) {
  for (let y = 0, i = 0; y < height; y++) {
    let to = (((y + 1) * (width + 2) + 1) * channels) / 32;
    for (let pixel = 0; pixel < width; pixel++) {
      for (let c = 0; c < channels; to++) {
        let word = 0;
        for (let bit = 0; bit < 32; bit++) if (x[i++] < threshold[c++]) word |= 1 << bit;
        bits[to] = word;
      }
    }
  }
}

function pool(x, out, height, width, channels) {
  const row = width * channels;
  for (let y = 0, to = 0; y + 2 <= height; y += 2) {
    for (let i = 0; i + 2 <= width; i += 2) {
      for (let c = 0; c < channels; c++) {
        const from = y * row + i * channels + c;
        out[to++] = Math.max(x[from], x[from + channels], x[from + row], x[from + row + channels]);
      }
    }
  }
}
