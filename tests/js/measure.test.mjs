// What "Measure your device" makes of times. tests/browser/test_measure_page.py runs the whole page.

import assert from "node:assert/strict";
import test from "node:test";

import { pointsOf, recordedPoints } from "../../docs/_static/measure/plot.js";
import {
  bestOf, check, describeDevice, fromHash, fromText, makeReport, toHash,
} from "../../docs/_static/measure/report.js"; // prettier-ignore
import { median, percentile, speedup, timesOf } from "../../docs/_static/measure/statistics.js";

const SCHEMA = "bnn_lab.bench/2";
const layer = { name: "a layer", macs: 1e9, shape: {} };
const results = [
  { name: "bnn_lab wasm", seconds: [4, 5, 6], count: 2 },
  { name: "bnn_lab wasm_relaxed", seconds: [1, 2, 3], count: 9 },
  { name: "int8 LiteRT.js", seconds: [3, 8, 6], count: 1 },
];
const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";
const about = {
  device: describeDevice({ userAgent: agent, platform: "Linux x86_64", hardwareConcurrency: 2 }),
  relaxed: true,
  backends: ["wasm", "wasm_relaxed"],
  site: { schema: SCHEMA, version: "0.1.0", peers: { "a peer": "1" } },
  time: "2026-11-28T03:00:00+00:00",
};
const report = () => makeReport([{ layer, results }], about);

test("percentiles lie between the two nearest, as NumPy's", () => {
  assert.equal(percentile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(percentile([10, 0], 0.9), 9);
  assert.equal(median([7]), 7);
  assert.deepEqual(timesOf("x", [3, 1, 2], 5), {
    name: "x", min_s: 1, median_s: 2, p90_s: 2.8, rounds: 3, calls_per_round: 5,
  }); // prettier-ignore
});

test("a factor is the median of quotients within rounds", () => {
  assert.equal(speedup([1, 2, 3], [3, 8, 6]), 3);
});

test("the reference is the fastest of ours", () => {
  assert.equal(bestOf(results).name, "bnn_lab wasm_relaxed");
  const [entry] = report().layers;
  assert.equal(entry.reference, "bnn_lab wasm_relaxed");
  assert.deepEqual(entry.speedup_over, { "bnn_lab wasm": 2.5, "int8 LiteRT.js": 3 });
  assert.equal(entry.gmacs_per_s["bnn_lab wasm_relaxed"], 0.5);
});

test("a device is called what the browser tells", () => {
  assert.equal(about.device.name, "Linux x86_64, Chrome 156");
  const phone = { userAgent: "(iPhone) Version/17.4 Mobile Safari/604.1", platform: "iPhone" };
  assert.equal(describeDevice(phone).name, "iPhone, Safari 17");
  assert.equal(describeDevice({ userAgent: "" }).name, "unknown, a browser");
});

test("a link holds the report", async () => {
  const made = report();
  made.device = "Größe <b>&";
  assert.deepEqual(await fromHash(await toHash(made), SCHEMA), made);
  assert.equal(await fromHash("#what-is-compared", SCHEMA), null);
});

test("a link that holds none is refused", async () => {
  const hash = await toHash(report());
  await assert.rejects(fromHash(hash.slice(0, -20), SCHEMA), /cut off/);
  await assert.rejects(fromHash("#report=%%%", SCHEMA), /cut off/);
  const spoiled = [
    (r) => (r.device = 5),
    (r) => (r.layers = null),
    (r) => (r.layers = [null]),
    (r) => (r.layers[0].macs = -1),
    (r) => (r.layers[0].times = [null]),
    (r) => (r.layers[0].times = []),
    (r) => (r.layers[0].times[0].min_s = "0"),
    (r) => (r.layers[0].speedup_over = { "int8 LiteRT.js": "fast" }),
    (r) => (r.layers[0].speedup_over = null),
    (r) => delete r.schema,
    (r) => delete r.host,
  ];
  for (const spoil of spoiled) {
    const made = report();
    spoil(made);
    assert.throws(() => check(made, SCHEMA), /not a complete report/, String(spoil));
    await assert.rejects(fromHash(await toHash(made), SCHEMA), /not a complete report/);
  }
  for (const other of [null, 5, [], "text"]) assert.throws(() => check(other, SCHEMA), /not a complete report/);
});

test("a report of another form says so, and so does one without layers", () => {
  const made = report();
  assert.deepEqual(fromText(JSON.stringify(made), SCHEMA), made);
  assert.throws(() => fromText("not JSON", SCHEMA), /not a report/);
  made.schema = "bnn_lab.bench/1";
  assert.throws(() => fromText(JSON.stringify(made), SCHEMA), /form bnn_lab.bench\/1; this page reads/);
  assert.throws(() => check({ ...report(), layers: [] }, SCHEMA), /no layers/);
});

test("points: what is ours, int8 and float32; of a recorded device our fastest", () => {
  const [entry] = report().layers;
  assert.deepEqual(pointsOf(entry).map(({ kind }) => kind), ["binary", "binary", "int8"]);
  const times = {
    "bnn_lab avx2": 2, "bnn_lab scalar": 3, "bnn_lab in LiteRT": 1, "LCE default": 9,
    "int8 TFLite": 4, "float32 TFLite": 5,
  }; // prettier-ignore
  const names = recordedPoints(times).map(({ name }) => name);
  assert.deepEqual(names, ["bnn_lab avx2", "int8 TFLite", "float32 TFLite"]);
});
