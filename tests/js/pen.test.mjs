import assert from "node:assert/strict";
import test from "node:test";

import { CanvasPen, linear, radial } from "../../bnn_lab/widgets/js/core/pen.js";
import { SvgPen } from "../../bnn_lab/widgets/js/core/svg_pen.js";

const methods = (kind) =>
  Object.getOwnPropertyNames(kind.prototype).filter((name) => !name.startsWith("_"));

test("both pens can do the same", () => {
  const ofSvg = methods(SvgPen).filter((name) => name !== "svg");
  assert.deepEqual(ofSvg.sort(), methods(CanvasPen).sort());
});

test("equal gradients are written once, and names are the content's", () => {
  const pen = new SvgPen("sans-serif");
  const fill = () => radial(0, 0, 9, [0, "#fff"], [1, "#000"]);
  for (const x of [10, 30]) pen.group({ x }, () => pen.circle(0, 0, 9, { fill: fill() }));
  pen.rect(0, 0, 9, 9, { fill: linear(0, 0, 9, 0, [0, "#fff"], [1, "#000"]) });
  const text = pen.svg(100, 50, 'a "title" & <more>', "#fff");
  assert.equal(text.match(/<radialGradient/g).length, 1);
  assert.equal(text.match(/<linearGradient/g).length, 1);
  for (const [, id] of text.matchAll(/url\(#(\w+)\)/g)) assert.ok(text.includes(`id='${id}'`));
  assert.ok(text.includes("a &quot;title&quot; &amp; &lt;more&gt;"));
});

test("pixels of one colour become one path, of runs", () => {
  const pen = new SvgPen("sans-serif");
  const colours = [1, 1, 1, 1, 1, 9].flatMap((value) => [value, value, value, 255]);
  pen.pixels(3, 2, new Uint8ClampedArray(colours), 5, 6, 30, 20);
  const [box, text] = pen.parts;
  assert.ok(box.includes('x="5" y="6" width="30" height="20" fill="rgb(1,1,1)"'));
  assert.ok(text.includes('transform="translate(5 11) scale(10 10)"'));
  assert.ok(text.includes('<path d="M2 1h1" stroke="rgb(9,9,9)"/>'));
  assert.equal(text.match(/<path/g).length, 1);
});

test("the commonest colour of pixels is the box behind the others", () => {
  const pen = new SvgPen("sans-serif");
  const grey = (value) => [value, value, value, 255];
  pen.pixels(3, 1, new Uint8ClampedArray([grey(9), grey(1), grey(1)].flat()), 0, 0, 3, 1);
  assert.ok(pen.parts[0].includes('fill="rgb(1,1,1)"'));
  assert.ok(pen.parts[1].includes('<path d="M0 0h1" stroke="rgb(9,9,9)"/>'));
});
