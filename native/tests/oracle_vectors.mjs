// Checks WebAssembly modules against the cases of record_vectors.py, bit for bit, in Node or in a
// page: what oracle_vectors.cc does for the other backends.
//
//   node native/tests/oracle_vectors.mjs vectors.bin FOLDER_OF_MODULES

const KINDS = [
  "bitpack", "unpack", "bconv2d", "bmaxpool2d", "depthwise", "transpose", "residual", "ternary",
]; // prettier-ignore
const LEFT_OUT = ["ternary"]; // a page does not offer it

/** Cases {kind, parameters, arrays}, arrays as bytes or null, the last one what is expected. */
export function* readCases(buffer) {
  const view = new DataView(buffer);
  let at = 0;
  const integer = () => view.getInt32((at += 4) - 4, true);
  if (integer() !== 0x314e4e42) throw new Error("not a file of vectors");
  for (let left = integer(); left > 0; left -= 1) {
    const kind = KINDS[integer()];
    const parameters = Array.from({ length: integer() }, integer);
    const arrays = Array.from({ length: integer() }, () => {
      const size = integer();
      if (size < 0) return null;
      const bytes = buffer.slice(at, at + size);
      at += Math.ceil(size / 4) * 4;
      return bytes;
    });
    yield { kind, parameters, arrays };
  }
}

const as = (Type, bytes) => (bytes === null ? null : new Type(bytes));

const same = (result, bytes) => {
  const a = new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
  const b = new Uint8Array(bytes);
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
};

function convolution(kernels, backend, { parameters: p, arrays }, extra) {
  const fields = {
    channels_in: p[3], channels_out: p[4], filter_height: p[5], filter_width: p[6],
    stride_height: p[7], stride_width: p[8], dilation_height: p[9], dilation_width: p[10],
    groups: p[11], valid: p[12], pad_values: p[13], activation: p[14], output: p[15],
    output_zero_point: p[16], ...extra,
  };
  const conv = kernels.conv(
    fields,
    {
      scale: new Float64Array(arrays[0])[0],
      filters: as(Uint32Array, arrays[2]),
      multiplier: as(Float32Array, arrays[3]),
      bias: as(Float32Array, arrays[4]),
      threshold: as(Int32Array, arrays[5]),
    },
    backend,
  );
  conv.resize(p[1], p[2], ...(extra.transposed ? [p[17], p[18]] : []));
  return conv;
}

function check(kernels, backend, { kind, parameters: p, arrays }) {
  const expected = arrays.at(-1);
  if (kind === "bitpack") {
    const x = as([Float32Array, Int8Array, Uint8Array][p[0]], arrays[0]);
    return same(kernels.bitpack(x, p[2], p[3], p[1], backend), expected);
  }
  if (kind === "unpack") {
    const values = p[0] === 0 ? null : [p[1], p[2]];
    return same(kernels.unpack(as(Uint32Array, arrays[0]), p[3], p[4], values, backend), expected);
  }
  if (kind === "bmaxpool2d") {
    const [x, size] = [as(Uint32Array, arrays[0]), expected.byteLength / 4];
    const [shape, pool, stride] = [p.slice(0, 4), p.slice(4, 6), p.slice(6, 8)];
    return same(kernels.maxPool(x, shape, pool, stride, p[8], size, backend), expected);
  }
  if (!["bconv2d", "depthwise", "transpose", "residual"].includes(kind)) {
    throw new Error(`an unknown kind of case: ${kind}`);
  }
  const extra = { depthwise: { depthwise: 1 }, transpose: { transposed: 1 } }[kind] ?? {};
  if (kind === "residual") Object.assign(extra, { residual: 1, before: p[17], after: p[18] });
  const conv = convolution(kernels, backend, { parameters: p, arrays }, extra);
  const shortcut = kind === "residual" ? as(Float32Array, arrays[6]) : null;
  const result = conv.run(as(Uint32Array, arrays[1]), p[0], shortcut);
  conv.free();
  if (!shortcut) return same(result, expected);
  return same(result.output, expected) && same(result.signs, arrays[7]);
}

/** Lines about what was checked, and how many cases of all backends were wrong. */
export function checkAll(kernels, buffer) {
  const lines = [];
  let wrong = 0;
  for (const backend of kernels.backends) {
    let [count, leftOut] = [0, 0];
    for (const one of readCases(buffer)) {
      count += 1;
      if (LEFT_OUT.includes(one.kind)) {
        leftOut += 1;
        continue;
      }
      if (check(kernels, backend, one)) continue;
      wrong += 1;
      lines.push(`MISMATCH ${backend} case ${count}: ${one.kind}(${one.parameters})`);
    }
    lines.push(`${kernels.name} ${backend}: ${count - leftOut} cases, ${leftOut} left out`);
  }
  return { wrong, lines };
}

if (globalThis.process?.argv[1]?.endsWith("oracle_vectors.mjs")) {
  const { readFile } = await import("node:fs/promises");
  const { loadKernels } = await import("../../docs/_static/measure/kernels.js");
  const [vectors, folder] = process.argv.slice(2);
  const bytes = await readFile(vectors);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  for (const relaxed of [false, true]) {
    const kernels = await loadKernels((name) => readFile(`${folder}/${name}`), relaxed);
    const { wrong, lines } = checkAll(kernels, buffer);
    console.log(lines.join("\n"));
    if (wrong > 0) process.exitCode = 1;
  }
}
