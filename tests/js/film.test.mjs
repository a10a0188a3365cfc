// Films are unpacked as bnn_lab/training/movie.py packs them: see make_vectors.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { bytesOf, filmAt, unpackFilm } from "../../bnn_lab/widgets/js/core/film.js";
import flicker from "../../bnn_lab/widgets/js/flicker.js";

const vectors = JSON.parse(readFileSync(new URL("vectors/films.json", import.meta.url)));

test("signs after each frame are Python's", () => {
  for (const { packed, frames, signs } of vectors) {
    const film = unpackFilm(packed);
    frames.forEach((frame, i) => {
      assert.deepEqual([...filmAt(film, frame).signs], signs[i], `frame ${frame}`);
    });
  }
});

test("a weight's last flip is at or before the frame, and after the one before it", () => {
  for (const { packed } of vectors) {
    const film = unpackFilm(packed);
    for (let frame = 1; frame <= film.frames; frame++) {
      const [now, before] = [filmAt(film, frame), filmAt(film, frame - 1)];
      for (let i = 0; i < film.size; i++) {
        const flipped = now.signs[i] !== before.signs[i];
        assert.equal(now.last[i] === frame, flipped);
        if (!flipped) assert.equal(now.last[i], before.last[i]);
      }
    }
  }
});

test("base64 is decoded whatever the padding", () => {
  for (let length = 0; length < 8; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => 37 * i + 200);
    assert.deepEqual(bytesOf(Buffer.from(bytes).toString("base64")), bytes);
  }
});

test("while runs arrive, the newest frame is shown, unless a reader has gone back", () => {
  const run = vectors[1].packed;
  const shorter = { ...run, pi: run.pi.slice(0, 10) };
  const view = { state: { runs: [shorter] }, local: {}, player: { step: 3 } };
  flicker.definition.changed(view, ["runs"], "python");
  assert.equal(view.player.step, 10);
  view.state = { runs: [run] };
  flicker.definition.changed(view, ["runs"], "python");
  assert.equal(view.player.step, run.pi.length);
  view.player.step = 5;
  view.state = { runs: [run, { ...run, pi: [...run.pi, -9] }] };
  flicker.definition.changed(view, ["runs"], "python");
  assert.equal(view.player.step, 5);
});
