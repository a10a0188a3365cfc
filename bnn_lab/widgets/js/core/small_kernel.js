// A small network in the page: stages over images in the memory of a kernel of a few kilobytes
// (native/wasm/small.cc), of which both the binary network and its float twin are made.
//
//   const kernel = await smallKernel();
//   const image = kernel.image("f32", 8, 8, 1);           // framed, as convolutions read it
//   const first = kernel.floatConv(image, 64, weights);   // HWIO, as Keras has them
//   const signs = kernel.signs(first.output, thresholds); // bit = value < threshold
//   const second = kernel.binaryConv(signs.output, 128, words); // OHWI words
//   image.put(pixels);
//   for (const stage of [first, signs, second]) stage.run();
//   second.output.view;                                   // Int32Array [y][x][channel]
//   second.flip(5, 1, 1, 17);                             // a weight changes its sign

import { WASM } from "./small_kernel_bytes.js";

const PAGE = 65536;
const TYPES = { bits: Uint32Array, i32: Int32Array, f32: Float32Array };
const MOST_BINARY_CHANNELS = 320; // of an input: sums of bytes stay below 256

const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function check(right, message) {
  if (!right) throw new RangeError(`small kernel: ${message}`);
}

/** Compiles the kernel, in about a millisecond. Rejects where WebAssembly has no SIMD. */
export async function smallKernel() {
  const { instance } = await WebAssembly.instantiate(decoded(WASM));
  return new SmallKernel(instance.exports);
}

/**
 * Numbers in the kernel's memory: [height][width][channels], for bits [height][width][words] with
 * bit 1 for -1. A framed one has a border of one pixel more, which stays 0: +1 as a bit.
 */
class Image {
  constructor(kernel, kind, height, width, channels, framed) {
    Object.assign(this, { kernel, kind, height, width, channels, framed });
    for (const [name, size] of Object.entries({ height, width, channels })) {
      check(Number.isInteger(size) && size >= 1, `${name} is ${size}, not a whole number from 1`);
    }
    check(kind !== "bits" || channels % 32 === 0, `${channels} channels of bits; take whole words`);
    this.depth = kind === "bits" ? channels / 32 : channels;
    const edge = framed ? 2 : 0;
    this.length = (height + edge) * (width + edge) * this.depth;
    this.at = kernel.take(4 * this.length);
  }

  /** All of it, the frame too. Ask again after the kernel was given another stage. */
  get view() {
    return new TYPES[this.kind](this.kernel.memory.buffer, this.at, this.length);
  }

  /** Where pixel (y, x) begins in `view`. */
  index(y, x) {
    const edge = this.framed ? 1 : 0;
    return ((y + edge) * (this.width + 2 * edge) + x + edge) * this.depth;
  }

  /** Copies [height][width][channels or words] into it. */
  put(values) {
    const row = this.width * this.depth;
    const size = row * this.height;
    check(values.length === size, `${values.length} values for an image of ${size}`);
    const view = this.view;
    for (let y = 0; y < this.height; y += 1) {
      view.set(values.subarray(y * row, (y + 1) * row), this.index(y, 0));
    }
  }

  /** Whether channel c of pixel (y, x) of bits is -1. */
  negative(y, x, c) {
    return ((this.view[this.index(y, x) + (c >> 5)] >>> (c & 31)) & 1) === 1;
  }
}

class SmallKernel {
  constructor(code) {
    this.code = code;
    this.memory = code.memory;
    this.end = code.__heap_base.value;
  }

  /** The address of this many zero bytes, which are never given back. */
  take(bytes) {
    const at = (this.end + 15) & ~15;
    const missing = at + bytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    this.end = at + bytes;
    return at;
  }

  image(kind, height, width, channels, framed = true) {
    check(kind in TYPES, `no images of ${kind}; take ${Object.keys(TYPES).join(", ")}`);
    return new Image(this, kind, height, width, channels, framed);
  }

  /**
   * A 3x3 convolution, stride 1, of the same size: +-1 on both sides, padded with +1. Its output
   * is the integer accumulators. weights: words [channelsOut][3][3][words].
   */
  binaryConv(input, channelsOut, weights) {
    expect(input, "bits", true);
    const { height, width, depth, channels } = input;
    check(channels <= MOST_BINARY_CHANNELS, `${channels} channels of bits are too many`);
    const packed = packedWeights(this, channelsOut, 9 * depth, weights.length);
    const place = (o, k) => k * channelsOut + o;
    const view = () => new Uint32Array(this.memory.buffer, packed, 9 * depth * channelsOut);
    const first = view();
    for (let o = 0; o < channelsOut; o += 1) {
      for (let k = 0; k < 9 * depth; k += 1) first[place(o, k)] = weights[o * 9 * depth + k];
    }
    const output = this.image("i32", height, width, channelsOut, false);
    const at = (o, ky, kx, i) => {
      const inside = o >= 0 && o < channelsOut && ky >= 0 && ky < 3 && kx >= 0 && kx < 3;
      check(inside && i >= 0 && i < channels, `no weight [${[o, ky, kx, i]}]`);
      return place(o, (3 * ky + kx) * depth + (i >> 5));
    };
    return {
      input,
      output,
      macs: height * width * 9 * channels * channelsOut,
      run: () =>
        this.code.binary_conv(input.at, packed, output.at, height, width, depth, channelsOut),
      weight: (o, ky, kx, i) => ((view()[at(o, ky, kx, i)] >>> (i & 31)) & 1 ? -1 : 1),
      flip(o, ky, kx, i) {
        view()[at(o, ky, kx, i)] ^= 1 << (i & 31);
      },
    };
  }

  /** The same for floats, padded with 0. weights: [3][3][channels][channelsOut]. */
  floatConv(input, channelsOut, weights) {
    expect(input, "f32", true);
    const { height, width, channels } = input;
    const packed = packedWeights(this, channelsOut, 9 * channels, weights.length);
    new Float32Array(this.memory.buffer, packed, weights.length).set(weights);
    const output = this.image("f32", height, width, channelsOut, false);
    return {
      input,
      output,
      macs: height * width * 9 * channels * channelsOut,
      run: () =>
        this.code.float_conv(input.at, packed, output.at, height, width, channels, channelsOut),
    };
  }

  /** Bits of accumulators or floats: -1 where value < threshold[channel]. */
  signs(input, threshold) {
    check(input.kind !== "bits" && !input.framed, "signs are taken of a convolution's output");
    const { kind, height, width, channels } = input;
    const limits = constants(this, TYPES[kind], threshold, channels);
    const output = this.image("bits", height, width, channels);
    const code = this.code[`signs_${kind}`];
    return { input, output, run: () => code(input.at, limits, output.at, height, width, channels) };
  }

  /** Maxima of 2x2 pixels, stride 2; an odd last row or column is left out. */
  pool(input) {
    check(input.kind !== "bits" && !input.framed, "maxima are taken of a convolution's output");
    const { kind, height, width, channels } = input;
    check(channels % 4 === 0, `${channels} channels; take a multiple of 4`);
    const output = this.image(kind, height >> 1, width >> 1, channels, false);
    const code = this.code[`pool_${kind}`];
    return { input, output, run: () => code(input.at, output.at, height, width, channels) };
  }

  /** max(value * scale[channel] + shift[channel], 0): batch normalization and ReLU. */
  relu(input, scale, shift) {
    expect(input, "f32", false);
    const { height, width, channels } = input;
    check(channels % 4 === 0, `${channels} channels; take a multiple of 4`);
    const factors = constants(this, Float32Array, scale, channels);
    const terms = constants(this, Float32Array, shift, channels);
    const output = this.image("f32", height, width, channels);
    const run = () =>
      this.code.relu_f32(input.at, factors, terms, output.at, height, width, channels);
    return { input, output, run };
  }
}

function expect(input, kind, framed) {
  const wanted = `a${framed ? " framed" : "n unframed"} image of ${kind}`;
  check(input.kind === kind && input.framed === framed, `the input must be ${wanted}`);
}

function packedWeights(kernel, channelsOut, depth, given) {
  const words = channelsOut >= 32 && channelsOut % 32 === 0;
  check(words, `${channelsOut} output channels; take a multiple of 32`);
  check(given === depth * channelsOut, `${given} weights where ${depth * channelsOut} are needed`);
  return kernel.take(4 * given);
}

function constants(kernel, Type, values, channels) {
  check(values.length === channels, `${values.length} constants for ${channels} channels`);
  const at = kernel.take(4 * channels);
  new Type(kernel.memory.buffer, at, channels).set(values);
  return at;
}
