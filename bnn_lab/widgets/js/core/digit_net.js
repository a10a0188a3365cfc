// A binarized network that reads a drawn digit, and its float twin: the same layers, weights and
// answers, with each bit as a float32. What is packed is bnn_lab/lessons/drawn_digits.py's.

import { bytesOf } from "./film.js";
import { pageKernel } from "./page_kernel.js";

export const BINARY = ["conv 2", "conv 3", "conv 4"];
export const TAPS = 9;

/** Words of little-endian bytes in base64. */
function words(Type, text) {
  return new Type(bytesOf(text).buffer);
}

/**
 * The network of a packed one, with all its memory.
 *
 * @param kernel convolutions and what lies between them: script_kernel.js describes the interface
 */
export class DigitNet {
  constructor(packed, kernel = pageKernel()) {
    this.packed = packed;
    this.kernel = kernel;
    this.side = packed.side;
    this.layers = Object.fromEntries(packed.layers.map((layer) => [layer.name, layer]));
    this.original = BINARY.map((name) => words(Uint32Array, this.layers[name].weights));
    this.flips = [];
    this._first();
    this._binary();
    this._classifier();
    this._twin = null;
    /** Multiply-accumulates of the binary layers. */
    this.macs = this.sums.reduce((sum, out, layer) => sum + out.length * TAPS * this.inputs(layer), 0);
  }

  /** How a weight is written as one number: layer of BINARY, filter, tap and channel. */
  flipOf(layer, filter, tap, channel) {
    return ((layer * 64 + filter) * TAPS + tap) * 64 + channel;
  }

  /** [layer, filter, tap, channel] of such a number, or null if there is no such weight. */
  placeOf(flip) {
    const place = [flip / (64 * TAPS * 64), flip / (64 * TAPS), flip / 64, flip].map(Math.floor);
    const [layer, filter, tap, channel] = [place[0], place[1] % 64, place[2] % TAPS, place[3] % 64];
    if (!(layer in BINARY) || filter >= this.outputs(layer) || channel >= this.inputs(layer)) return null;
    return [layer, filter, tap, channel];
  }

  inputs(layer) {
    return this.layers[BINARY[layer]].inputs;
  }

  outputs(layer) {
    return this.layers[BINARY[layer]].outputs;
  }

  /** A weight's bit, 1 for -1. */
  weight(layer, filter, tap, channel) {
    return (this.weights[layer][this._word(layer, filter, tap, channel)] >>> (channel & 31)) & 1;
  }

  _word(layer, filter, tap, channel) {
    const { inputs, outputs } = this.layers[BINARY[layer]];
    return (tap * (inputs / 32) + (channel >> 5)) * outputs + filter;
  }

  /** The weights as trained, but for these. */
  use(flips) {
    if (flips.length === this.flips.length && flips.every((flip, i) => flip === this.flips[i])) return;
    this.flips = [...flips];
    this.weights.forEach((weights, layer) => weights.set(this.original[layer]));
    for (const place of flips.map((flip) => this.placeOf(flip))) {
      if (!place) continue;
      this.weights[place[0]][this._word(...place)] ^= 1 << (place[3] & 31);
    }
    if (this._twin) this._twin.stale = true;
  }

  _first() {
    const { side, kernel } = this;
    const { outputs, weights, threshold } = this.layers["conv 1"];
    const bits = words(Uint32Array, weights);
    const signs = Float32Array.from({ length: TAPS * outputs }, (_, i) =>
      (bits[Math.floor(i / outputs)] >>> i % outputs) & 1 ? -1 : 1,
    );
    this.image = kernel.array(Float32Array, (side + 2) ** 2);
    this.first = {
      weights: copied(kernel, signs),
      threshold: copied(kernel, Float32Array.from(words(Int32Array, threshold))),
      out: kernel.array(Float32Array, side ** 2 * outputs),
      outputs,
    };
  }

  _binary() {
    const { side, kernel } = this;
    const half = side / 2;
    this.weights = this.original.map((weights) => copied(kernel, weights));
    this.thresholds = ["conv 2", "conv 3"].map((name) =>
      copied(kernel, words(Int32Array, this.layers[name].threshold)),
    );
    const framed = (size, channels) => kernel.array(Uint32Array, ((size + 2) ** 2 * channels) / 32);
    this.bits = [framed(side, this.inputs(0)), framed(side, this.inputs(1)), framed(half, this.inputs(2))];
    this.sums = [side, side, half].map((size, layer) =>
      kernel.array(Int32Array, size ** 2 * this.outputs(layer)),
    );
    this.pooled = kernel.array(Int32Array, half ** 2 * this.outputs(1));
  }

  _classifier() {
    const { multiplier, bias } = this.layers["conv 4"];
    const dense = this.layers.classifier;
    this.last = { multiplier: words(Float32Array, multiplier), bias: words(Float32Array, bias) };
    this.dense = { weights: words(Float32Array, dense.weights), bias: words(Float32Array, dense.bias) };
  }

  /** Show it an image: levels 0 (paper) to 16 (ink), side * side of them. */
  look(levels) {
    const { side, image } = this;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) image[(y + 1) * (side + 2) + x + 1] = levels[y * side + x] - 8;
    }
  }

  /** Run the layers; returns the logits. What they have found stays in `bits` and `sums`. */
  run() {
    const { kernel, side, first, weights, bits, sums, thresholds, pooled } = this;
    const half = side / 2;
    kernel.floatConv(this.image, first.weights, first.out, side, side, 1, first.outputs);
    kernel.signsFloat(first.out, first.threshold, bits[0], side, side, first.outputs);
    kernel.binaryConv(bits[0], weights[0], sums[0], side, side, this.inputs(0) / 32, this.outputs(0));
    kernel.signsInt(sums[0], thresholds[0], bits[1], side, side, this.outputs(0));
    kernel.binaryConv(bits[1], weights[1], sums[1], side, side, this.inputs(1) / 32, this.outputs(1));
    // The largest sum has the sign +1 if any of the four has.
    kernel.poolInt(sums[1], pooled, side, side, this.outputs(1));
    kernel.signsInt(pooled, thresholds[1], bits[2], half, half, this.outputs(1));
    kernel.binaryConv(bits[2], weights[2], sums[2], half, half, this.inputs(2) / 32, this.outputs(2));
    return this._logits(sums[2]);
  }

  /** The same by float32 multiplications and additions. */
  runFloat() {
    const { kernel, side, first } = this;
    const half = side / 2;
    const { inputs, sums, pooled, weights } = this._float();
    kernel.floatConv(this.image, first.weights, first.out, side, side, 1, first.outputs);
    signs(first.out, first.threshold, inputs[0], side, first.outputs);
    kernel.floatConv(inputs[0], weights[0], sums[0], side, side, this.inputs(0), this.outputs(0));
    signs(sums[0], this.thresholds[0], inputs[1], side, this.outputs(0));
    kernel.floatConv(inputs[1], weights[1], sums[1], side, side, this.inputs(1), this.outputs(1));
    kernel.poolFloat(sums[1], pooled, side, side, this.outputs(1));
    signs(pooled, this.thresholds[1], inputs[2], half, this.outputs(1));
    kernel.floatConv(inputs[2], weights[2], sums[2], half, half, this.inputs(2), this.outputs(2));
    return this._logits(sums[2]);
  }

  /** The twin's memory, made when it first runs: its weights take 32 times the room. */
  _float() {
    const { kernel, side } = this;
    const sizes = [side, side, side / 2];
    if (!this._twin) {
      this._twin = {
        stale: true,
        weights: BINARY.map((_, l) => kernel.array(Float32Array, TAPS * this.inputs(l) * this.outputs(l))),
        // Framed by +1, as the bits are.
        inputs: sizes.map((size, l) => kernel.array(Float32Array, (size + 2) ** 2 * this.inputs(l)).fill(1)),
        sums: sizes.map((size, l) => kernel.array(Float32Array, size ** 2 * this.outputs(l))),
        pooled: kernel.array(Float32Array, (side / 2) ** 2 * this.outputs(1)),
      };
    }
    const twin = this._twin;
    if (twin.stale) {
      twin.stale = false;
      twin.weights.forEach((weights, layer) => {
        const [inputs, outputs] = [this.inputs(layer), this.outputs(layer)];
        for (let i = 0; i < weights.length; i++) {
          const [filter, channel] = [i % outputs, Math.floor(i / outputs) % inputs];
          const tap = Math.floor(i / (outputs * inputs));
          weights[i] = this.weight(layer, filter, tap, channel) ? -1 : 1;
        }
      });
    }
    return twin;
  }

  _logits(sums) {
    const { multiplier, bias } = this.last;
    const outputs = multiplier.length;
    const pixels = sums.length / outputs;
    const logits = Float64Array.from(this.dense.bias);
    for (let c = 0; c < outputs; c++) {
      let sum = 0;
      for (let i = c; i < sums.length; i += outputs) sum += sums[i];
      const mean = multiplier[c] * (sum / pixels) + bias[c];
      for (let k = 0; k < logits.length; k++) logits[k] += this.dense.weights[k * outputs + c] * mean;
    }
    return logits;
  }

  /** The signs after each convolution as bytes, 1 for -1: [channel][row][column]. */
  maps() {
    const inner = (bits, size, channels) => {
      const found = new Uint8Array(size * size * channels);
      for (let i = 0; i < size * size; i++) {
        const pixel = (Math.floor(i / size) + 1) * (size + 2) + (i % size) + 1;
        for (let c = 0; c < channels; c++) {
          found[c * size * size + i] = (bits[(pixel * channels) / 32 + (c >> 5)] >>> (c & 31)) & 1;
        }
      }
      return found;
    };
    const { side, bits, sums } = this;
    const half = side / 2;
    const { multiplier, bias } = this.last;
    const outputs = multiplier.length;
    const last = Uint8Array.from({ length: sums[2].length }, (_, i) => {
      const [c, pixel] = [Math.floor(i / (half * half)), i % (half * half)];
      return multiplier[c] * sums[2][pixel * outputs + c] + bias[c] < 0 ? 1 : 0;
    });
    return [
      inner(bits[0], side, this.inputs(0)),
      inner(bits[1], side, this.inputs(1)),
      inner(bits[2], half, this.inputs(2)),
      last,
    ];
  }
}

/** Memory of the kernel's with these values. */
function copied(kernel, values) {
  const made = kernel.array(values.constructor, values.length);
  made.set(values);
  return made;
}

/** Signs as +1 and -1 into a framed image. */
function signs(x, threshold, out, size, channels) {
  for (let y = 0, i = 0; y < size; y++) {
    let to = ((y + 1) * (size + 2) + 1) * channels;
    for (let pixel = 0; pixel < size; pixel++) {
      for (let c = 0; c < channels; c++) out[to++] = x[i++] < threshold[c] ? -1 : 1;
    }
  }
}

/** Shares of the answers that the logits stand for. */
export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
