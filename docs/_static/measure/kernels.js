// The binary kernels of native/ in a page or in Node: native/wasm/page.cc is the other side.
//
//   const kernels = await loadKernels(async (name) => bytes); // of kernels[_relaxed].wasm
//   const conv = kernels.conv({ channels_in: 64, channels_out: 64, ... }, { filters });
//   conv.resize(56, 56);
//   const y = conv.run(words); // Float32Array, Int8Array or Uint32Array

// A function of one i8x16.relaxed_swizzle.
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 123, 123, 1, 123, 3, 2, 1, 0, 10, 11, 1, 9, 0, 32, 0,
  32, 1, 253, 128, 2, 11,
]);
// One of i8x16.swizzle.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 123, 123, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 32, 0,
  32, 1, 253, 14, 11,
]);

// In the order of ConvFields of page.cc, and what they are if they are not given.
const CONV_FIELDS = {
  channels_in: 0, channels_out: 0, filter_height: 1, filter_width: 1, stride_height: 1,
  stride_width: 1, dilation_height: 1, dilation_width: 1, groups: 1, depthwise: 0, valid: 0,
  pad_values: 0, activation: 0, output: 0, output_zero_point: 0, residual: 0, before: 0, after: 0,
  transposed: 0,
}; // prettier-ignore
const OUTPUTS = [Float32Array, Int8Array, Uint32Array];
const TYPES = { Float32Array: 0, Int8Array: 1, Uint8Array: 2 };

const wordsFor = (channels) => Math.ceil(channels / 32);

/** Whether this engine has relaxed SIMD. */
export const hasRelaxed = () => globalThis.WebAssembly?.validate(RELAXED) ?? false;

/** Whether it has the SIMD that both modules need. */
export const hasSimd = () => globalThis.WebAssembly?.validate(SIMD) ?? false;

/**
 * The fastest module that this engine can run.
 * @param read gives the bytes of a module's name
 * @param relaxed false: without relaxed SIMD even where the engine has it
 */
export async function loadKernels(read, relaxed = hasRelaxed()) {
  const name = relaxed ? "kernels_relaxed.wasm" : "kernels.wasm";
  let memory;
  const fail = (message) => {
    throw new Error(`${name}: ${text(memory, message)}`);
  };
  // The C library asks for files and the environment, which a page does not have: errno ENOSYS.
  const wasi = new Proxy({}, { get: () => () => 52 });
  const imports = { page: { fail }, wasi_snapshot_preview1: wasi };
  const { instance } = await WebAssembly.instantiate(await read(name), imports);
  memory = instance.exports.memory;
  instance.exports._initialize();
  return new Kernels(instance.exports, name);
}

function text(memory, at) {
  const bytes = new Uint8Array(memory.buffer, at);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

function check(right, message) {
  if (!right) throw new RangeError(message);
}

class Kernels {
  constructor(code, name) {
    this.code = code;
    this.name = name;
    this.numbers = new Map();
    for (let i = 0, at; (at = code.backend_name(i)) !== 0; i += 1) {
      if (code.backend_built(i)) this.numbers.set(text(code.memory, at), i);
    }
    this.backends = [...this.numbers.keys()]; // slowest first
    this.backend = this.backends.at(-1);
  }

  /** A copy of an array in the module's memory, or 0 for null. */
  put(array) {
    if (array === null || array === undefined) return 0;
    const at = this.take(array.byteLength);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    new Uint8Array(this.code.memory.buffer).set(bytes, at);
    return at;
  }

  take(bytes) {
    const at = this.code.alloc(Math.max(bytes, 1));
    check(at !== 0, `${this.name}: no memory for ${bytes} bytes`);
    return at;
  }

  /** A copy of what lies there. */
  get(Type, at, length) {
    return new Type(this.code.memory.buffer, at, length).slice();
  }

  /** Runs with arrays in memory and frees them. */
  with(arrays, run) {
    const places = arrays.map((array) => this.put(array));
    try {
      return run(...places);
    } finally {
      places.forEach((at) => this.code.release(at));
    }
  }

  number(backend) {
    const all = this.backends.join(", ");
    check(this.numbers.has(backend), `no backend ${backend}; there are ${all}`);
    return this.numbers.get(backend);
  }

  /** Signs of Float32Array, Int8Array or Uint8Array (bool) [rows][channels], bitpacked. */
  bitpack(x, rows, channels, zeroPoint = 0, backend = this.backend) {
    check(x.length === rows * channels, `${x.length} values for ${rows} x ${channels}`);
    const result = new Uint32Array(rows * wordsFor(channels));
    const type = TYPES[x.constructor.name];
    check(type !== undefined, `cannot take signs of ${x.constructor.name}`);
    return this.with([x, result], (from, to) => {
      this.code.bitpack(this.number(backend), type, from, zeroPoint, rows, channels, to);
      return this.get(Uint32Array, to, result.length);
    });
  }

  /** Words [rows][words] to +1 and -1, or with `values` to Int8Array of those two. */
  unpack(words, rows, channels, values = null, backend = this.backend) {
    check(words.length === rows * wordsFor(channels), `${words.length} words for ${rows} rows`);
    const Type = values ? Int8Array : Float32Array;
    const result = new Type(rows * channels);
    const [bit0, bit1] = values ?? [0, 0];
    return this.with([words, result], (from, to) => {
      const type = values ? 1 : 0;
      this.code.unpack(this.number(backend), type, from, bit0, bit1, rows, channels, to);
      return this.get(Type, to, result.length);
    });
  }

  /** Maxima of bits: x is words [batch][height][width][words], `size` what comes out. */
  maxPool(x, shape, pool, stride, valid, size, backend = this.backend) {
    const result = new Uint32Array(size);
    return this.with([x, result], (from, to) => {
      const number = this.number(backend);
      this.code.max_pool(number, from, ...shape, ...pool, ...stride, valid, to);
      return this.get(Uint32Array, to, size);
    });
  }

  /**
   * A convolution with its weights packed.
   * @param fields see CONV_FIELDS; activation and output by number (bnn/activation.h, OUTPUTS)
   * @param arrays {filters, multiplier, bias, threshold, scale}: all but `filters` may be missing
   */
  conv(fields, arrays, backend = this.backend) {
    return new Conv(this, { ...CONV_FIELDS, ...fields }, arrays, this.number(backend));
  }
}

class Conv {
  constructor(kernels, fields, { filters, multiplier, bias, threshold, scale = 1 }, number) {
    for (const name of Object.keys(fields)) {
      check(name in CONV_FIELDS, `a convolution has no ${name}`);
    }
    const { channels_in: taken, channels_out: given, filter_height: tall } = fields;
    const { filter_width: wide, groups, depthwise } = fields;
    const taps = tall * wide;
    const words = depthwise ? taps * wordsFor(given) : given * taps * wordsFor(taken / groups);
    check(filters.length === words, `${filters.length} words of filters; ${words} are needed`);
    for (const [name, array] of Object.entries({ multiplier, bias, threshold })) {
      const length = array?.length ?? given;
      check(length === given, `${name} has ${length} values for ${given} channels`);
    }
    Object.assign(this, { kernels, fields, Output: OUTPUTS[fields.output] });
    const list = Int32Array.from(Object.keys(CONV_FIELDS), (name) => fields[name]);
    const given_arrays = [list, filters, multiplier, bias, threshold];
    this.at = kernels.with(given_arrays, (at, ...rest) =>
      kernels.code.conv_new(number, at, scale, ...rest),
    );
  }

  /** For images of that size; a transposed one must say what comes out. */
  resize(height, width, outHeight = 0, outWidth = 0) {
    const { kernels } = this;
    this.input = height * width * wordsFor(this.fields.channels_in);
    kernels.with([new Int32Array(3)], (at) => {
      this.macs = kernels.code.conv_resize(this.at, height, width, outHeight, outWidth, at);
      this.size = [...kernels.get(Int32Array, at, 3)];
    });
    this.length = this.size[0] * this.size[1] * this.size[2];
  }

  /** Words in, the output out. With `shortcut`, signs of the sum too: {output, signs}. */
  run(x, batch = 1, shortcut = null) {
    const { kernels, length, Output } = this;
    check(this.size !== undefined, "resize() comes before run()");
    check(x.length === batch * this.input, `${x.length} words; ${batch * this.input} are needed`);
    const output = new Output(batch * length);
    if (!shortcut) {
      return kernels.with([x, output], (from, to) => {
        kernels.code.conv_run(this.at, from, batch, to, 0, 0);
        return kernels.get(Output, to, batch * length);
      });
    }
    check(shortcut.length === batch * length, `a shortcut of ${shortcut.length} values`);
    const pixels = batch * this.size[0] * this.size[1];
    const signs = new Uint32Array(pixels * wordsFor(this.size[2]));
    return kernels.with([x, output, shortcut, signs], (from, to, added, bits) => {
      kernels.code.conv_run(this.at, from, batch, to, added, bits);
      return {
        output: kernels.get(Output, to, batch * length),
        signs: kernels.get(Uint32Array, bits, signs.length),
      };
    });
  }

  /** A function that runs it on that input again and again, without any copy. */
  runner(x) {
    const { kernels, at } = this;
    const from = kernels.put(x);
    const to = kernels.take(this.length * this.Output.BYTES_PER_ELEMENT);
    return () => kernels.code.conv_run(at, from, 1, to, 0, 0);
  }

  /** Gives its memory back. */
  free() {
    this.kernels.code.conv_delete(this.at);
  }
}
