import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { BINARY, DigitNet } from "../../bnn_lab/widgets/js/core/digit_net.js";
import { pageKernel } from "../../bnn_lab/widgets/js/core/page_kernel.js";
import { scriptKernel } from "../../bnn_lab/widgets/js/core/script_kernel.js";
import { greyOf, levelsOf, PAPER } from "../../bnn_lab/widgets/js/core/strokes.js";
import made, { compute } from "../../bnn_lab/widgets/js/draw_digit.js";
import { fromParameters, initialState, toParameters } from "../../bnn_lab/widgets/js/core/state.js";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));
const packed = read("../../bnn_lab/widgets/js/nets/drawn_digits.json");
const vectors = read("vectors/drawn_digits.json");
const start = (changes = {}) => initialState(made.definition.schema, changes);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const kernels = [pageKernel(), scriptKernel()];

/** What differs from what Python draws and `bnn_lab.Interpreter` answers. */
function differences(net, wanted) {
  const wrong = [];
  for (const [name, { strokes, grey, levels, answer }] of Object.entries(wanted)) {
    const drawn = greyOf(strokes);
    if (Buffer.compare(drawn, bytes(grey))) wrong.push(`${name}: the drawing`);
    const seen = levelsOf(drawn);
    if (Buffer.compare(seen, bytes(levels))) wrong.push(`${name}: the levels`);
    net.look(seen);
    const logits = net.run();
    if (logits.indexOf(Math.max(...logits)) !== answer) wrong.push(`${name}: the answer`);
  }
  return wrong;
}

test("WebAssembly runs here", () => assert.equal(kernels[0].name, "WebAssembly"));

for (const kernel of kernels) {
  const net = new DigitNet(packed, kernel);

  test(`${kernel.name}: recorded strokes get the answers of bnn_lab.Interpreter`, () => {
    assert.deepEqual(differences(net, vectors), []);
  });

  test(`${kernel.name}: the float twin gives the same sums, flips or not`, () => {
    for (const flips of [[], [net.flipOf(0, 3, 4, 31), net.flipOf(1, 63, 8, 63), net.flipOf(2, 0, 0, 0)]]) {
      net.use(flips);
      for (const { strokes } of Object.values(vectors)) {
        net.look(levelsOf(greyOf(strokes)));
        assert.deepEqual(net.runFloat(), net.run());
      }
    }
    net.use([]);
  });

  test(`${kernel.name}: a flip twice is none, and one that does not exist does nothing`, () => {
    const weights = net.weights.map((layer) => [...layer]);
    for (let layer = 0; layer < BINARY.length; layer++) {
      const flip = net.flipOf(layer, 5, 7, 30);
      assert.deepEqual(net.placeOf(flip), [layer, 5, 7, 30]);
      net.use([flip]);
      const changed = net.weights.flatMap((words, i) => [...words].map((word, k) => word ^ weights[i][k]));
      assert.equal(changed.filter((bits) => bits).length, 1);
    }
    for (const nothing of [-1, 1e9, net.flipOf(0, 0, 0, 40)]) assert.equal(net.placeOf(nothing), null);
    net.use([1e9]);
    net.weights.forEach((words, i) => assert.deepEqual([...words], weights[i]));
    net.use([]);
  });
}

test("the comparison notices another drawing or answer", () => {
  const other = structuredClone(vectors);
  const [first, second] = Object.values(other);
  first.strokes[0][0] += 12;
  second.answer = (second.answer + 1) % 10;
  assert.equal(differences(new DigitNet(packed), other).length, 3);
});

test("a flip shows what it changes, and only after its layer", () => {
  const data = compute(start({ flips: [new DigitNet(packed).flipOf(1, 2, 4, 6)] }));
  assert.deepEqual(data.changed.slice(0, 2), [0, 0]);
  assert.ok(data.changed[2] > 0);
  assert.deepEqual(data.maps[2].filter((bit, i) => bit !== data.before.maps[2][i]).length, data.changed[2]);
});

test("where one draws does not matter, nor how large", () => {
  const { strokes } = start();
  const small = strokes.map((line) => line.map((v) => 20 + v / 2));
  assert.equal(compute(start({ strokes: small })).answer, compute(start()).answer);
  const blank = compute(start({ strokes: [] }));
  assert.ok(blank.levels.every((level) => level === 0));
});

test("dots, long lines and nonsense are drawn or left out", () => {
  assert.ok(greyOf([[140, 140]]).some((grey) => grey === 255));
  assert.ok(greyOf([[0, 0, PAPER, PAPER]]).some((grey) => grey > 0));
  assert.ok(greyOf([[1e6, 5, -1e6, 7]]).some((grey) => grey > 0));
  assert.equal(compute(start({ strokes: [["x"], null, [NaN, 1]] })).lines.length, 0);
});

test("a drawing and its flips can be sent as a link", () => {
  const { schema } = made.definition;
  const net = new DigitNet(packed);
  const flips = [net.flipOf(0, 0, 0, 0), net.flipOf(2, 63, 8, 63)];
  for (const { strokes } of Object.values(vectors)) {
    if (strokes.flat().some((v) => v < 0 || v > PAPER)) continue; // no pen leaves the paper
    const moved = start({ strokes, flips });
    const text = toParameters(schema, "draw-digit", moved, start()).toString();
    assert.deepEqual(start(fromParameters(schema, "draw-digit", text)), moved);
  }
  const odd = start(fromParameters(schema, "draw-digit", "draw-digit.strokes=1.2.3_4.5"));
  assert.deepEqual(compute(odd).lines, [[4, 5]]);
  assert.ok(compute(start(fromParameters(schema, "draw-digit", "draw-digit.flips=110591.7"))).logits);
});

test("the pen is moved by mouse and by keys", () => {
  const view = {
    state: start({ strokes: [] }),
    local: made.definition.local(),
    set(changes) {
      this.state = { ...this.state, ...changes };
    },
  };
  const paper = () => made.definition.handles({ ...made.scene(view.state, 900), local: view.local }).find(({ id }) => id === "paper");
  paper().down(paper().x, paper().y, view);
  paper().move(paper().x + paper().width, paper().y + paper().height, view);
  paper().move(paper().x + 9999, paper().y + 9999, view);
  assert.deepEqual(view.state.strokes, [[0, 0, PAPER, PAPER]]);
  paper().press(view);
  paper().nudge(1, 0, view);
  paper().nudge(0, -1, view);
  paper().press(view);
  paper().nudge(1, 0, view);
  assert.deepEqual(view.state.strokes[1], [140, 140, 150, 140, 150, 150]);
});
