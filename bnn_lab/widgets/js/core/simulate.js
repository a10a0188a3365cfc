// Independent binary weights under drift plus noise: the twins of LatentSGD, Bop and
// simulate_weights in bnn_lab/training/simulate.py, equal bit by bit. Keep every expression in the
// order in which it stands there.

import { normal, normalTable, randomWord } from "./random.js";

/** Drift of each step: `drift`, and its opposite from the middle on if it `turns` round. */
export function driftOf(drift, steps, turns) {
  const half = Math.floor(steps / 2);
  return Float64Array.from({ length: steps }, (_, step) => (turns && step >= half ? -drift : drift));
}

/** What the gradient of weight i gains from the sign of weight j, at [i * weights + j]. */
export function randomCoupling(weights, seed) {
  const found = new Float64Array(weights * weights);
  for (let i = 0; i < weights; i++) {
    for (let j = 0; j < weights; j++) {
      found[i * weights + j] = i === j ? 0.3 : 0.08 * normal(seed, COUPLING, i * weights + j);
    }
  }
  return found;
}

const COUPLING = 65535; // a step that no run of ours reaches

/**
 * Latent weights under SGD: v = momentum v + g, w = (1 - decay) w - learning_rate v.
 *
 * @param rule learning_rate, initial, and if wanted momentum, decay, clip (null: none)
 * @param run steps, weights, drift (number or one a step), noise, seed, and if wanted coupling
 * @returns see `trajectory`
 */
export function simulateLatent(rule, run) {
  const { learning_rate: rate, initial, momentum = 0, decay = 0, clip = null } = rule;
  const found = trajectory(run, clip === null ? initial : Math.min(initial, clip));
  const { gradients, watched, signs, weights } = found;
  const velocity = new Float64Array(weights);
  const kept = 1 - decay;
  const { coupling = null } = run;
  for (let at = 0; at < gradients.length; at++) {
    const i = at % weights;
    for (let j = 0; coupling && j < weights; j++) {
      gradients[at] += coupling[i * weights + j] * signs[at - i + j];
    }
    velocity[i] = momentum * velocity[i] + gradients[at];
    let latent = kept * watched[at] - rate * velocity[i];
    if (clip !== null) latent = Math.min(Math.max(latent, -clip), clip);
    watched[at + weights] = latent;
    signs[at + weights] = latent < 0 ? -1 : 1; // sign(0) = +1, as in larq
  }
  return countFlips(found);
}

/**
 * Bop: m = (1 - gamma) m + gamma g; a weight flips if w m > threshold.
 *
 * @param rule gamma, threshold
 * @param run steps, weights, drift, noise, seed
 * @returns see `trajectory`
 */
export function simulateBop({ gamma, threshold }, run) {
  const found = trajectory(run, 0);
  const { gradients, watched, signs, weights } = found;
  for (let at = 0; at < gradients.length; at++) {
    const m = watched[at] + gamma * (gradients[at] - watched[at]);
    watched[at + weights] = m;
    const sign = signs[at];
    signs[at + weights] = sign * m > threshold ? -sign : sign;
  }
  return countFlips(found);
}

/**
 * Room for a simulation, with its gradients: Float64Array gradients [step * weights + weight];
 * watched (latent weight or m) and Int8Array signs, with one row more, the start.
 */
function trajectory({ steps, weights, drift = 0, noise = 1, seed = 0 }, start) {
  const normals = normalTable(seed, steps, weights);
  const gradients = new Float64Array(steps * weights);
  for (let step = 0, at = 0; step < steps; step++) {
    const mean = typeof drift === "number" ? drift : drift[step];
    for (let i = 0; i < weights; i++, at++) gradients[at] = mean + noise * normals[at];
  }
  const watched = new Float64Array((steps + 1) * weights).fill(start, 0, weights);
  const signs = new Int8Array((steps + 1) * weights).fill(1, 0, weights);
  return { steps, weights, gradients, watched, signs };
}

/** Adds firstFlips, from 1 and NaN for none, and flipsPerStep, [0] being that of step 1. */
function countFlips(found) {
  const { steps, weights, signs } = found;
  const firstFlips = new Float64Array(weights).fill(NaN);
  const flipsPerStep = new Int32Array(steps);
  for (let step = 0, at = 0; step < steps; step++) {
    for (let i = 0; i < weights; i++, at++) {
      if (signs[at] === signs[at + weights]) continue;
      flipsPerStep[step]++;
      if (Number.isNaN(firstFlips[i])) firstFlips[i] = step + 1;
    }
  }
  return Object.assign(found, { firstFlips, flipsPerStep });
}

const [START, GOAL] = [65535, 65534]; // steps that no run of ours reaches

/**
 * Latent weights seen through a dead zone: the twin of bnn_lab/training/ternary_row.py.
 *
 * @param rule zone (in mean magnitudes), learning_rate, push, noise, seed
 * @param run steps, weights
 * @returns steps, weights, goals [weight]; latents and trits [step * weights + weight], with one row
 *   more, the start; means [step]; moves [3 * step + kind]: into the zone, out of it, across
 */
export function simulateTernary({ zone, learning_rate: rate, push, noise, seed }, run) {
  const { steps, weights } = run;
  const goals = Int8Array.from({ length: weights }, (_, i) =>
    Math.floor((3 * randomWord(seed, GOAL, i)) / 2 ** 32) - 1,
  );
  const latents = new Float64Array((steps + 1) * weights);
  const trits = new Int8Array((steps + 1) * weights);
  const means = new Float64Array(steps + 1);
  const moves = new Int32Array(3 * steps);
  const normals = normalTable(seed, steps, weights);
  for (let i = 0; i < weights; i++) latents[i] = normal(seed, START, i);
  for (let step = 0; step <= steps; step++) {
    const row = step * weights;
    const before = row - weights;
    let sum = 0;
    for (let i = 0; i < weights; i++) {
      if (step) {
        const gradient = push * (trits[before + i] - goals[i]) + noise * normals[before + i];
        latents[row + i] = latents[before + i] - rate * gradient;
      }
      sum += Math.abs(latents[row + i]);
    }
    means[step] = Math.max(sum / weights, 1e-5);
    const border = zone * means[step];
    for (let i = 0; i < weights; i++) {
      const latent = latents[row + i];
      const trit = Math.abs(latent) <= border ? 0 : latent < 0 ? -1 : 1;
      trits[row + i] = trit;
      if (!step || trit === trits[before + i]) continue;
      moves[3 * (step - 1) + (trit === 0 ? 0 : trits[before + i] === 0 ? 1 : 2)]++;
    }
  }
  return { steps, weights, goals, latents, trits, means, moves };
}
