// Random numbers that Python and a page agree on to the last bit: the twin of
// bnn_lab/training/counter_random.py. Integers and exactly rounded operations only.

const LN2 = 0.6931471805599453;

// Wichura, Algorithm AS 241 (Applied Statistics 37, 1988), highest power first.
const MIDDLE = [
  [
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.387132872796366608,
  ],
  [
    5.226495278852854561e3, 2.8729085735721942674e4, 3.930789580009271061e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.871870074920579083e2,
    4.2313330701600911252e1, 1,
  ],
];
const TAIL = [
  [
    7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1,
    1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
    1.42343711074968357734,
  ],
  [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2,
    1.4810397642748007459e-1, 6.8976733498510000455e-1, 1.6763848301838038494,
    2.05319162663775882187, 1,
  ],
];

/** A bijection of 32-bit words that looks random. */
export function hash32(x) {
  x ^= x >>> 16;
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  x ^= x >>> 15;
  return x >>> 0;
}

/** One evenly distributed word for a step and a weight, both in 0..65535. */
export function randomWord(seed, step, weight) {
  return wordOf(keyOf(seed), step, weight);
}

/** The standard normal value below which a share of (word + 1/2) / 2^32 lies. */
export function quantile(word) {
  const q = (word + 0.5) * 2 ** -32 - 0.5;
  const far = Math.abs(q);
  if (far <= 0.425) {
    const r = 0.180625 - q * q;
    return (polynomial(MIDDLE[0], r) * q) / polynomial(MIDDLE[1], r);
  }
  const r = Math.sqrt(-log(0.5 - far)) - 1.6;
  const size = polynomial(TAIL[0], r) / polynomial(TAIL[1], r);
  return q < 0 ? -size : size;
}

/** A standard normal number for a step and a weight, both in 0..65535. */
export function normal(seed, step, weight) {
  return quantile(randomWord(seed, step, weight));
}

let last = null; // dragging a slider draws the same noise again and again

/** Float64Array [step * weights + weight] of a simulation's noise. */
export function normalTable(seed, steps, weights) {
  if (last && last.seed === seed && last.steps >= steps && last.weights === weights) {
    return last.table;
  }
  const key = keyOf(seed);
  const table = new Float64Array(steps * weights);
  for (let step = 0, at = 0; step < steps; step++) {
    for (let weight = 0; weight < weights; weight++) {
      table[at++] = quantile(wordOf(key, step, weight));
    }
  }
  last = { seed, steps, weights, table };
  return table;
}

function keyOf(seed) {
  return hash32((seed + 0x9e3779b9) >>> 0);
}

function wordOf(key, step, weight) {
  // Hashed before the seed is added: otherwise two seeds were offsets into one sequence.
  return hash32((hash32(((step << 16) + weight) >>> 0) + key) >>> 0);
}

function polynomial(coefficients, x) {
  let total = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) total = total * x + coefficients[i];
  return total;
}

function log(x) {
  let exponent = 0;
  for (; x < 0.5; x *= 2) exponent--; // exact; x is at least 2^-33
  if (x < 0.7071067811865476) {
    x *= 2;
    exponent--;
  }
  const s = (x - 1) / (x + 1);
  const z = s * s;
  let total = 1 / 23;
  for (let odd = 21; odd > 0; odd -= 2) total = total * z + 1 / odd;
  return exponent * LN2 + 2 * s * total;
}
