// From strokes of a pen to what the network sees: the twin of bnn_lab/lessons/strokes.py, equal in
// every level. A stroke is [x0, y0, x1, y1, ...] on paper of PAPER * PAPER.

export const PAPER = 280;
const FINE = 28; // pixels of the drawing, as MNIST's
const BOX = 20; // pixels that the longer side of a digit covers, as in MNIST
const PEN = 1.25; // radius of the pen in those pixels
const LARGEST = 0.25; // pixels that a unit of the paper becomes at most, so that a dot stays one

/** 28 * 28 grey values of 0 (paper) to 255, the ink's centre of mass in the middle. */
export function greyOf(strokes) {
  const grey = new Uint8Array(FINE * FINE);
  const found = strokes.filter((stroke) => stroke.length >= 2);
  if (!found.length) return grey;
  const xs = found.flatMap((stroke) => stroke.filter((_, i) => i % 2 === 0));
  const ys = found.flatMap((stroke) => stroke.filter((_, i) => i % 2 === 1));
  const [left, right] = ends(xs);
  const [top, bottom] = ends(ys);
  const size = Math.max(right - left, bottom - top);
  const scale = Math.min(LARGEST, size > 0 ? (BOX - 2 * PEN) / size : LARGEST);
  const x0 = FINE / 2 - ((left + right) / 2) * scale;
  const y0 = FINE / 2 - ((top + bottom) / 2) * scale;
  for (const stroke of found) {
    const points = stroke.map((value, i) => value * scale + (i % 2 ? y0 : x0));
    if (points.length === 2) points.push(...points);
    for (let i = 0; i + 3 < points.length; i += 2) ink(grey, ...points.slice(i, i + 4));
  }
  return centred(grey);
}

function ends(values) {
  return values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
}

/** A line of the pen, darkest where it is near. */
function ink(grey, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const reach = PEN + 1.5;
  const inside = (value) => Math.min(Math.max(value, 0), FINE);
  const [low, high] = [inside(Math.floor(Math.min(ax, bx) - reach)), inside(Math.ceil(Math.max(ax, bx) + reach))];
  const [first, last] = [inside(Math.floor(Math.min(ay, by) - reach)), inside(Math.ceil(Math.max(ay, by) + reach))];
  for (let row = first; row < last; row++) {
    for (let column = low; column < high; column++) {
      const [px, py] = [column + 0.5 - ax, row + 0.5 - ay];
      const share = length > 0 ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
      const [ex, ey] = [px - share * dx, py - share * dy];
      const dark = Math.floor((PEN + 0.5 - Math.sqrt(ex * ex + ey * ey)) * 255 + 0.5);
      const at = row * FINE + column;
      if (dark > grey[at]) grey[at] = Math.min(dark, 255);
    }
  }
}

function centred(grey) {
  let [sum, x, y] = [0, 0, 0];
  for (let i = 0; i < grey.length; i++) {
    sum += grey[i];
    x += grey[i] * (i % FINE);
    y += grey[i] * Math.floor(i / FINE);
  }
  if (!sum) return grey;
  const right = Math.floor((FINE - 1) / 2 - x / sum + 0.5);
  const down = Math.floor((FINE - 1) / 2 - y / sum + 0.5);
  const moved = new Uint8Array(grey.length);
  for (let row = 0; row < FINE; row++) {
    for (let column = 0; column < FINE; column++) {
      const [r, c] = [row - down, column - right];
      if (r >= 0 && r < FINE && c >= 0 && c < FINE) moved[row * FINE + column] = grey[r * FINE + c];
    }
  }
  return moved;
}

/** 14 * 14 levels of 0 to 16: means of 2x2 grey values. */
export function levelsOf(grey) {
  const side = FINE / 2;
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const at = 2 * FINE * Math.floor(i / side) + 2 * (i % side);
    const sum = grey[at] + grey[at + 1] + grey[at + FINE] + grey[at + FINE + 1];
    return Math.floor((sum * 16 + 510) / 1020);
  });
}
