// Controls that a figure carries: what is filtered, and the correlation that the page computes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { correlation, defaults, equivalent, ranks, shown } from "../../bnn_lab/widgets/live_plot.js";

const FIGURE = {
  data: [
    {
      x: [1, 2, 3],
      y: [10, 20, 30],
      text: ["a", "b", "c"],
      marker: { size: [8, 9, 10], color: "red", symbol: ["circle", "square", "star"] },
      error_y: { array: [1, 2, 3], arrayminus: [3, 2, 1] },
      meta: { of: { kernel: [1, 3, 3], show: "ms" } },
    },
    { x: [1], y: [5], meta: { of: { show: "ratio" } } },
    { x: [1, 2], y: [7, 7], meta: { counted: false } },
  ],
  layout: {
    yaxis: { title: { text: "ms" } },
    meta: {
      controls: [
        {
          name: "show",
          label: "show",
          kind: "choice",
          value: "ms",
          options: [
            { label: "ms", value: "ms", layout: {} },
            { label: "ratio", value: "ratio", layout: { "yaxis.title.text": "times" } },
          ],
        },
        {
          name: "kernel",
          label: "kernel",
          kind: "choice",
          value: null,
          options: [{ label: "all", value: null }, { label: "1x1", value: 1 }, { label: "3x3", value: 3 }],
        },
      ],
    },
  },
};

test("the first choices are those of the figure", () => {
  assert.deepEqual(defaults(FIGURE.layout.meta.controls), { show: "ms", kernel: null });
});

test("points and traces are filtered by all choices together", () => {
  const before = structuredClone(FIGURE);
  const all = shown(FIGURE, { show: "ms", kernel: null });
  assert.deepEqual(all.data.map(({ visible }) => visible), [true, false, true]);
  assert.deepEqual(all.data[0].x, [1, 2, 3]);
  assert.equal(all.words, "");
  const some = shown(FIGURE, { show: "ms", kernel: 3 });
  const [first] = some.data;
  assert.deepEqual([first.x, first.y, first.text], [[2, 3], [20, 30], ["b", "c"]]);
  assert.deepEqual([first.marker.size, first.marker.color, first.marker.symbol], [[9, 10], "red", ["square", "star"]]);
  assert.deepEqual([first.error_y.array, first.error_y.arrayminus], [[2, 3], [2, 1]]);
  const none = shown(FIGURE, { show: "ratio", kernel: 7 });
  assert.deepEqual(none.data.map(({ visible }) => visible), [false, true, true]); // it has no kernel
  assert.equal(none.layout.yaxis.title.text, "times");
  assert.equal(none.words, "");
  assert.equal(some.words, "2 of 3 points are shown.");
  assert.deepEqual(FIGURE, before);
});

test("a figure without controls stays as it is", () => {
  const plain = shown({ data: [{ x: [1], y: [2] }], layout: {} }, {});
  assert.deepEqual(plain.data[0].x, [1]);
  assert.equal(plain.words, "");
});

test("equivalent MACs and how they correlate are computed in the page", () => {
  const macs = { float: [1, 2, 4, 8], binary: [100, 10, 1000, 1] };
  assert.deepEqual(equivalent(macs, 10), [11, 3, 104, 8.1]);
  const ys = equivalent(macs, 20); // latency as if one float MAC took the time of 20 binary ones
  const control = { name: "ratio", kind: "ratio", low: 1, high: 100, value: 20, label: "" };
  const figure = { data: [{ x: ys, y: ys, meta: { macs } }], layout: { meta: { controls: [control] } } };
  const right = shown(figure, { ratio: 20 });
  assert.match(right.words, /as 20\.0 binary ones: correlation of the logarithms 1\.000, of the ranks 1\.000/);
  const plain = shown(figure, { ratio: 1 });
  assert.deepEqual(plain.data[0].x, [101, 12, 1004, 9]);
  const logs = (list) => list.map(Math.log);
  assert.match(plain.words, new RegExp(`logarithms ${correlation(logs(plain.data[0].x), logs(ys)).toFixed(3)}`));
  const two = { ...figure, data: [{ x: [1, 2], y: [1, 2], meta: { macs: { float: [1, 2], binary: [0, 0] } } }] };
  assert.equal(shown(two, { ratio: 5 }).words, "One float MAC counts as 5.00 binary ones.");
});

test("correlations of numbers that are known", () => {
  assert.equal(correlation([1, 2, 3], [2, 4, 6]), 1);
  assert.equal(correlation([1, 2, 3], [3, 2, 1]), -1);
  assert.ok(Math.abs(correlation([1, 2, 3], [1, 3, 2]) - 0.5) < 1e-12);
  assert.ok(Number.isNaN(correlation([1, 1, 1], [1, 2, 3])));
  assert.deepEqual(ranks([30, 10, 20, 10]), [4, 1.5, 3, 1.5]);
});
