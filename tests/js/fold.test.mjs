import assert from "node:assert/strict";
import test from "node:test";

import fold, { compute, gridOf, linesOf } from "../../bnn_lab/widgets/js/fold.js";
import { picture } from "../../bnn_lab/widgets/js/core/picture.js";
import { initialState } from "../../bnn_lab/widgets/js/core/state.js";

const { schema } = fold.definition;
const { graph } = initialState(schema);
const last = graph.steps.length - 1;

test("no two boxes lie on each other, at any pass and width", () => {
  for (const width of [330, 700, 1180]) {
    for (let step = 0; step <= last; step++) {
      const { layout, data, height } = fold.scene({ step }, width);
      const places = layout.places[step];
      const { boxes } = data.steps[step];
      places.forEach(([x, y], i) => {
        assert.ok(x >= 0 && x + layout.box <= width && y + layout.high <= height, `${boxes[i].op} at ${width}`);
        places.slice(0, i).forEach(([u, v]) => {
          const apart = Math.abs(x - u) >= layout.box || Math.abs(y - v) >= layout.high;
          assert.ok(apart, `${boxes[i].op} of pass ${step} at ${width}`);
        });
      });
    }
  }
});

test("halfway it is neither the one nor the other", () => {
  const { definition } = fold;
  for (let step = 0; step < last; step++) {
    const seen = [step, step + 0.5, step + 1].map((at) => {
      const scene = { ...fold.scene({ step }, 900), step: at, still: false };
      const drawn = [];
      const methods = ["line", "path", "shape", "circle", "rect", "text", "group"];
      const pen = Object.fromEntries(
        methods.map((name) => [name, (...given) => {
          drawn.push(JSON.stringify([name, ...given.filter((value) => typeof value !== "function")]));
          if (name === "group") given[1]();
        }]),
      );
      definition.draw({ ...pen, measure: (text) => 6 * text.length }, scene);
      assert.ok(!drawn.some((text) => /null/.test(text)), "a number is missing");
      return drawn.join();
    });
    assert.equal(new Set(seen).size, 3);
  }
});

test("with no motion wanted it shows whole passes", () => {
  const scene = (step) => ({ ...fold.scene({ step: 1 }, 900), step, still: true });
  assert.equal(fold.definition.describe(scene(1.7)), fold.definition.describe(scene(1)));
});

test("the text of a pass is a diff: without what went it is the new graph, without what came the old", () => {
  const data = compute({ graph });
  const texts = (k) => data.steps[k].boxes.map(({ text }) => text).sort();
  for (let k = 1; k <= last; k++) {
    const lines = linesOf(data, k);
    const came = lines.filter(([sign]) => sign !== "\u2212").map(([, line]) => line);
    assert.deepEqual(came.sort(), texts(k));
    // What stays may read values that are numbered anew.
    const went = lines.filter(([sign]) => sign !== "+");
    assert.equal(went.length, data.steps[k - 1].boxes.length);
    assert.equal(linesOf(data, k, 0).filter(([sign]) => sign !== "\u2212").length, 1);
  }
});

test("a refusal is marked on its box and told with its reason", () => {
  const data = compute({ graph });
  const [k] = data.steps.flatMap(({ refused }, k) => (refused.length ? [k] : []));
  const [[at, reason]] = data.steps[k].refused;
  assert.equal(data.steps[k].boxes[at].op, "tfl.conv_2d");
  assert.match(reason, /To change it/);
  assert.match(fold.describe({ step: k }), /refused once/);
});

test("a network of a hundred layers has a height that one can scroll", () => {
  const step = (name) => ({
    name, summary: "", applied: [], refused: [], quiet: [], constants: 0, moved: 0,
    boxes: Array.from({ length: 500 }, (_, i) => [0, Math.floor(i / 5), i ? [i - 1] : [-1], name ? [i] : [], "kept"]),
  });
  const large = {
    inputs: ["image"], rows: Array.from({ length: 100 }, (_, i) => `layer_${i}`),
    boxes: [["tfl.add", "1x8x8x64xf32", 16384, 0, "%a = tfl.add"]], steps: [step(""), step("one")],
  };
  assert.ok(gridOf(1100, large).height < 2600);
  assert.match(picture(fold, { graph: large }, 1100), /^<svg/);
  assert.ok(fold.definition.handles(fold.scene({ graph: large }, 1100)).length === 1);
});
