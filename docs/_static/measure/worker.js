// Measures in a thread of its own, so that the page stays alive; the page ends it to cancel. A
// classic script: LiteRT.js brings its own in by importScripts.
//
// In: {site, relaxed, rounds}. Out: {type: "progress", "layer", "missing", "done" or "error", ...}.

const SECONDS = 0.008; // of a round: a hundred steps of the coarsest common clock
const here = new URL("./", self.location.href);
const fetched = async (path) => {
  const answer = await fetch(new URL(path, here));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
};
const bytes = async (path) => (await fetched(path)).arrayBuffer();

async function inflated(path) {
  const answer = await fetched(path);
  const stream = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** LiteRT.js with or without relaxed SIMD, as bnn_lab's own module. */
async function openLiteRt(relaxed) {
  const folder = new URL("peers/", here);
  const litert = await import(new URL("litert.js", folder));
  self.Module = { locateFile: (file) => new URL(file, folder).href };
  const name = relaxed ? "litert_wasm_internal.js" : "litert_wasm_compat_internal.js";
  await litert.loadLiteRt(new URL(name, folder).href);
  return litert;
}

const MOST = 16384; // words that a browser draws at once

function randomWords(count) {
  const all = new Uint32Array(count);
  for (let at = 0; at < count; at += MOST) crypto.getRandomValues(all.subarray(at, at + MOST));
  return all;
}

/** Our convolution or dense layer on packed input with float output, on each backend. */
function binaryCalls(kernels, { shape }) {
  const fields = {
    channels_in: shape.channels_in,
    channels_out: shape.channels_out,
    filter_height: shape.kernel[0],
    filter_width: shape.kernel[1],
    pad_values: 1,
  };
  const depth = shape.kernel[0] * shape.kernel[1] * Math.ceil(shape.channels_in / 32);
  const arrays = {
    filters: randomWords(shape.channels_out * depth),
    multiplier: new Float32Array(shape.channels_out).fill(0.01),
    bias: new Float32Array(shape.channels_out).fill(0.5),
  };
  const x = randomWords(shape.height * shape.width * Math.ceil(shape.channels_in / 32));
  const convs = kernels.backends.map((backend) => kernels.conv(fields, arrays, backend));
  convs.forEach((conv) => conv.resize(shape.height, shape.width));
  const results = convs.map((conv) => conv.run(x));
  for (const result of results) {
    if (result.some((value, i) => value !== results[0][i])) throw new Error("backends disagree");
  }
  return convs.map((conv, i) => ({
    name: `bnn_lab ${kernels.backends[i]}`,
    run: conv.runner(x),
    free: () => conv.free(),
  }));
}

/** The same layer in LiteRT.js: its file's own weights, floats in and out. */
async function peerCall(litert, { shape, files }, dtype) {
  const content = await inflated(`layers/${files[dtype]}`);
  const model = await litert.loadAndCompile(content, {
    accelerator: "wasm",
    cpuOptions: { numThreads: 1 },
  });
  const size = [1, shape.height, shape.width, shape.channels_in];
  const x = Float32Array.from({ length: size.reduce((a, b) => a * b) }, () => Math.random() - 0.5);
  const input = new litert.Tensor(x, shape.kind === "dense" ? [1, x.length] : size);
  const once = async () => {
    for (const tensor of await model.run(input)) tensor.delete();
  };
  const [result] = await model.run(input);
  const values = result.toTypedArray();
  const varied = values.some((value) => value !== values[0]) && !values.some(Number.isNaN);
  result.delete();
  if (!varied) throw new Error("it computes nothing");
  return {
    name: `${dtype} LiteRT.js`,
    run: once,
    free() {
      input.delete();
      model.delete();
    },
  };
}

/** How many calls a round takes. */
async function calibrate(call) {
  for (let count = 1; ; count *= 2) {
    let seconds = Infinity;
    for (let i = 0; i < 3; i += 1) seconds = Math.min(seconds, await timed(call, count));
    if (seconds >= SECONDS) return Math.max(1, Math.round((count * SECONDS) / seconds));
  }
}

async function timed({ run }, count) {
  const begin = performance.now();
  for (let i = 0; i < count; i += 1) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  return (performance.now() - begin) / 1e3;
}

function shuffled(list) {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Everything that runs a layer, in turns. */
async function measureLayer(calls, rounds, progress) {
  for (const call of calls) {
    await timed(call, 3); // the engine compiles anew what it meets often
    call.count = await calibrate(call);
    call.seconds = [];
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const call of shuffled(calls)) {
      call.seconds.push((await timed(call, call.count)) / call.count);
    }
    progress((round + 1) / rounds);
  }
  return calls.map(({ name, seconds, count }) => ({ name, seconds, count }));
}

self.onmessage = async ({ data: { site, relaxed, rounds } }) => {
  const tell = (type, more) => self.postMessage({ type, ...more });
  try {
    tell("progress", { done: 0, text: "loading bnn_lab" });
    const { loadKernels } = await import(new URL("kernels.js", here));
    const kernels = await loadKernels(bytes, relaxed);
    let litert = null;
    if (site.peers) {
      tell("progress", { done: 0.02, text: "loading LiteRT.js, 9 MB" });
      try {
        litert = await openLiteRt(relaxed);
      } catch (error) {
        tell("missing", { name: "LiteRT.js", reason: String(error?.message ?? error) });
      }
    }
    for (const [i, layer] of site.layers.entries()) {
      const part = (share) => 0.1 + (0.9 * (i + share)) / site.layers.length;
      tell("progress", { done: part(0), text: layer.name });
      const calls = binaryCalls(kernels, layer);
      for (const dtype of litert ? ["float32", "int8"] : []) {
        try {
          calls.push(await peerCall(litert, layer, dtype));
        } catch (error) {
          const reason = String(error?.message ?? error);
          tell("missing", { name: `${dtype} LiteRT.js, ${layer.name}`, reason });
        }
      }
      const progress = (share) => tell("progress", { done: part(share), text: layer.name });
      const results = await measureLayer(calls, rounds, progress);
      calls.forEach(({ free }) => free());
      tell("layer", { layer, results });
    }
    tell("done", { backends: kernels.backends });
  } catch (error) {
    tell("error", { text: String(error?.message ?? error) });
  }
};
