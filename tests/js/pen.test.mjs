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

/** Where the pieces of a path of M, m, h and v begin and end: [x0, y0, x1, y1]. */
function pieces(d) {
  let [x, y] = [0, 0];
  const found = [];
  for (const [, kind, numbers] of d.matchAll(/([Mmhv])([^Mmhv]*)/g)) {
    const [a, b] = numbers.split(" ").map(Number);
    const from = [x, y];
    if (kind === "M") [x, y] = [a, b];
    if (kind === "m") [x, y] = [x + a, y + b];
    if (kind === "h") x += a;
    if (kind === "v") y += a;
    if (kind === "h" || kind === "v") found.push([...from, x, y]);
  }
  return found;
}

test("runs along rows or columns cover just the pixels of their colour", () => {
  const [width, height] = [23, 17];
  const stripes = (x, y) => (x % 9 === 4 ? 3 : (y + Math.floor(x / 6)) % 3);
  const values = Array.from({ length: width * height }, (_, i) =>
    stripes(i % width, Math.floor(i / width)),
  );
  const rgba = new Uint8ClampedArray(values.flatMap((value) => [value, value, value, 255]));
  const pen = new SvgPen("sans-serif");
  pen.pixels(width, height, rgba, 0, 0, width, height);
  const drawn = Array(width * height).fill(Number(pen.parts[0].match(/rgb\((\d)/)[1]));
  const paths = [...pen.parts[1].matchAll(/<path d="([^"]*)"( transform="[^"]*")? stroke="rgb\((\d)/g)];
  for (const [, d, turned, value] of paths) {
    for (const [x0, y0, x1, y1] of pieces(d)) {
      assert.ok(turned ? x0 === x1 : y0 === y1);
      for (let x = x0; x < (turned ? x0 + 1 : x1); x++) {
        for (let y = y0; y < (turned ? y1 : y0 + 1); y++) drawn[y * width + x] = Number(value);
      }
    }
  }
  assert.deepEqual(drawn, values);
  assert.ok(paths.some(([, , turned]) => turned) && paths.some(([, , turned]) => !turned));
});

test("many squares are pieces of thick lines, each at its centre however many there are", () => {
  const pen = new SvgPen("sans-serif");
  const centres = Array.from({ length: 400 }, (_, i) => 3.14 * (i % 2 ? i % 20 : 0.37 * i));
  pen.squares(centres, 10.12, { fill: "red", alpha: 0.5 });
  pen.squares([], 10, { fill: "red" });
  const [text, ...others] = pen.parts;
  assert.equal(others.length, 0);
  assert.ok(text.includes('stroke="red" stroke-width="10.1" opacity="0.5"'));
  const found = pieces(text.match(/d="([^"]*)"/)[1]);
  assert.equal(found.length, 200);
  found.forEach(([x0, y0, x1, y1], i) => {
    assert.ok(Math.abs((x0 + x1) / 2 - centres[2 * i]) < 0.11);
    assert.ok(Math.abs(y0 - centres[2 * i + 1]) < 0.06 && y0 === y1 && x1 > x0);
  });
});
