// The twins of bnn_lab/training/closed_forms.py, where they are derived; equal to 1e-12.

/** Mean overshoot of a Gaussian random walk, in its step's deviations: -zeta(1/2) / sqrt(2 pi). */
const OVERSHOOT = 0.5825971579390106;

/** Standard deviation of Bop's moving average in the long run. */
export function emaSpread(gamma, noise) {
  return noise * Math.sqrt(gamma / (2 - gamma));
}

/**
 * Step at which Bop flips a weight under a constant gradient, from 1; null if it never does. m is
 * `start` at first.
 */
export function bopFlipStep(gamma, threshold, gradient, start = 0) {
  if (gradient <= threshold) return null;
  const way = gradient > start ? (threshold - start) / (gradient - start) : -1;
  if (gamma === 1 || way < 0) return 1;
  return Math.floor(Math.log1p(-way) / Math.log1p(-gamma)) + 1;
}

/** Flips a step under pure noise, in 0..0.5; the threshold counts in spreads of m. */
export function bopFlipRate(gamma, thresholdInSpreads = 0) {
  if (thresholdInSpreads === 0) return Math.acos(1 - gamma) / Math.PI;
  const theta = -Math.log1p(-gamma);
  const bound = thresholdInSpreads + OVERSHOOT * Math.sqrt(2 * theta);
  if (bound > 30) return 0;
  let [term, total, power] = [1, 1, 0];
  while (term > 1e-17 * total) {
    power += 1;
    term *= (bound * bound) / 2 / power;
    total += term / (2 * power + 1);
  }
  return theta / (Math.sqrt(2 * Math.PI) * bound * total);
}

/** [mean, standard deviation] of the step of a latent weight's first flip; the drift is above 0. */
export function latentFirstFlip(initial, learningRate, drift, noise) {
  const mean = (initial + OVERSHOOT * noise * learningRate) / (learningRate * drift);
  return [mean, Math.sqrt((initial * noise ** 2) / (learningRate * drift ** 3))];
}

/** Density of that step at a time above 0; the noise is above 0. */
export function inverseGaussianDensity(time, initial, learningRate, drift, noise) {
  const distance = (initial + OVERSHOOT * noise * learningRate) / learningRate;
  const exponent = -((distance - drift * time) ** 2) / (2 * noise ** 2 * time);
  return (distance / (noise * Math.sqrt(2 * Math.PI * time ** 3))) * Math.exp(exponent);
}
