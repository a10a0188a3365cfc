// The fastest kernel that this page has for a small network: native/src/wasm/small as WebAssembly,
// or where that cannot be, plain JavaScript. Both have the interface that script_kernel.js describes.

import { bytesOf } from "./film.js";
import { scriptKernel } from "./script_kernel.js";
import { WASM } from "./small_kernel_bytes.js";

const PAGES = 40; // of 64 KiB: more than a network of 64 channels and its float twin need
const ALIGNED = 16;

/** A kernel with memory of its own: this many pages of 64 KiB. */
export function pageKernel(pages = PAGES) {
  try {
    // At once, not by a promise: it is small, and what is drawn needs it.
    const { exports: code } = new WebAssembly.Instance(new WebAssembly.Module(bytesOf(WASM)));
    return wasmKernel(code, pages);
  } catch {
    return scriptKernel(); // no WebAssembly here, or none with SIMD
  }
}

function wasmKernel(code, pages) {
  code.memory.grow(pages); // once: views end when it grows
  let end = code.__heap_base.value;
  // (arrays, then sizes): arrays are told by their addresses.
  const of = (run) => (...given) => run(...given.map((one) => one.byteOffset ?? one));
  return {
    name: "WebAssembly",
    array(Type, length) {
      const at = Math.ceil(end / ALIGNED) * ALIGNED;
      end = at + length * Type.BYTES_PER_ELEMENT;
      return new Type(code.memory.buffer, at, length);
    },
    binaryConv: of(code.binary_conv),
    floatConv: of(code.float_conv),
    signsInt: of(code.signs_i32),
    signsFloat: of(code.signs_f32),
    poolInt: of(code.pool_i32),
    poolFloat: of(code.pool_f32),
  };
}
