// Films of weights: the twin of bnn_lab/training/movie.py, and how they are drawn.

import { fade, mix } from "./theme.js";

const LEVELS = 7; // of the glow
const ESCAPE = 255;

/** Bytes of base64 text; engines without `atob` draw stored pictures, too. */
export function bytesOf(text) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const values = new Uint8Array(128);
  for (let i = 0; i < 64; i++) values[letters.charCodeAt(i)] = i;
  const length = Math.floor((text.replace(/=+$/, "").length * 3) / 4);
  const bytes = new Uint8Array(length);
  for (let i = 0, out = 0; out < length; i += 4) {
    const at = (k) => values[text.charCodeAt(i + k)] || 0;
    const word = (at(0) << 18) | (at(1) << 12) | (at(2) << 6) | at(3);
    for (let shift = 16; shift >= 0 && out < length; shift -= 8) bytes[out++] = (word >>> shift) & 255;
  }
  return bytes;
}

/** A packed film, ready to be shown: {..., size, frames, start, ends, pixels}. */
export function unpackFilm(packed) {
  const size = packed.rows * packed.columns;
  const frames = packed.pi.length;
  const bits = bytesOf(packed.start);
  const start = Uint8Array.from({ length: size }, (_, i) => (bits[i >> 3] >> (i & 7)) & 1);
  const gaps = bytesOf(packed.flips);
  const pixels = [];
  const ends = new Uint32Array(frames + 1); // flips up to and with each frame
  let at = -1;
  let gap = 0;
  let frame = 0;
  for (const byte of gaps) {
    gap += byte;
    if (byte === ESCAPE) continue;
    at += gap + 1;
    gap = 0;
    const now = Math.floor(at / size) + 1;
    while (frame < now) ends[++frame] = pixels.length;
    pixels.push(at % size);
    ends[frame] = pixels.length;
  }
  while (frame < frames) ends[++frame] = pixels.length;
  return { ...packed, size, frames, start, ends, pixels: Uint32Array.from(pixels) };
}

/** Signs (1 is -1) after a frame, and in which frame each weight flipped last (0: never). */
export function filmAt(film, frame) {
  const signs = film.start.slice();
  const last = new Uint16Array(film.size);
  const shown = Math.min(frame, film.frames);
  for (let f = 1; f <= shown; f++) {
    for (let i = film.ends[f - 1]; i < film.ends[f]; i++) {
      signs[film.pixels[i]] ^= 1;
      last[film.pixels[i]] = f;
    }
  }
  return { signs, last, shown };
}

/**
 * A film's weights as pixels in a square of `side`; `now` is `filmAt`'s. Flips glow for this many
 * frames; `signs` paints +1 and -1 below them.
 */
export function drawFilm(pen, film, now, x0, y0, side, colours, { glow, signs = true }) {
  const c = colours;
  const size = side / film.columns;
  const high = size * film.rows;
  const { last, shown } = now;
  pen.rect(x0, y0, side, high, { fill: signs ? c.plusTint : c.panel });
  // Lines as wide as a pixel, in a grid of whole numbers: a stored picture is short.
  pen.group({ x: x0, y: y0 + size / 2, scale: size, clip: [x0, y0, side, high] }, () => {
    if (signs) {
      const tint = mix(c.minusTint, c.minus, 0.3);
      pen.shape(outline(film, (p) => now.signs[p] === 1), { stroke: tint });
    }
    // Old glows first, fresh ones over them.
    for (let level = LEVELS - 1; level >= 0; level--) {
      const heat = (1 - level / LEVELS) ** 1.4;
      for (const sign of [0, 1]) {
        const pick = (p) => {
          const age = shown - last[p];
          return last[p] > 0 && now.signs[p] === sign && age < glow && Math.floor((age / glow) * LEVELS) === level;
        };
        const hot = mix(sign ? c.minus : c.plus, c.dark ? "#ffffff" : c.ink, level === 0 ? 0.35 : 0);
        pen.shape(outline(film, pick), { stroke: fade(hot, heat) });
      }
    }
  });
}

/** All pixels that are picked, neighbours of a row as one line through their middle. */
function outline({ rows, columns }, pick) {
  let d = "";
  for (let row = 0; row < rows; row++) {
    for (let from = 0; from < columns; from++) {
      if (!pick(row * columns + from)) continue;
      let to = from + 1;
      while (to < columns && pick(row * columns + to)) to++;
      d += `M${from} ${row}h${to - from}`;
      from = to;
    }
  }
  return d || "M0 0";
}
