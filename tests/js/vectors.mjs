// Compares the JavaScript twins with the vectors; runs under Node and in a page.

/** Every difference as a line of text; empty if JavaScript computes what Python does. */
export function differences({ random, simulate, closedForms }, vectors) {
  const wrong = [];
  const exact = (what, found, wanted) => {
    if (!Object.is(found, wanted)) wrong.push(`${what}: ${found}, not ${wanted}`);
  };
  const near = (what, found, wanted) => {
    const far = Math.abs(found - wanted) > 1e-12 * Math.max(1e-300, Math.abs(wanted));
    if (found !== wanted && !(typeof wanted === "number" && !far)) {
      wrong.push(`${what}: ${found}, not ${wanted}`);
    }
  };

  for (const [word, hash] of vectors.random.hash32) {
    exact(`hash32(${word})`, random.hash32(word), hash);
  }
  for (const [word, value] of vectors.random.quantile) {
    exact(`quantile(${word})`, random.quantile(word), value);
  }
  for (const [seed, step, weight, value] of vectors.random.normal) {
    exact(`normal(${seed}, ${step}, ${weight})`, random.normal(seed, step, weight), value);
  }
  const { seed, steps, weights, ...wanted } = vectors.random.table;
  compareAll("normalTable", random.normalTable(seed, steps, weights), wanted, exact);

  vectors.simulate.forEach(({ kind, rule, run, ...wanted }, number) => {
    const what = `simulation ${number} (${kind})`;
    const drift = simulate.driftOf(run.drift, run.steps, run.turns);
    const make = { latent: simulate.simulateLatent, bop: simulate.simulateBop }[kind];
    const { weights: many, coupling: seed } = run;
    const coupling = seed === undefined ? null : simulate.randomCoupling(many, seed);
    const found = make(rule, { ...run, drift, coupling });
    wanted.watched.forEach((value, step) =>
      exact(`${what}, step ${step}`, found.watched[step * run.weights], value),
    );
    wanted.last.forEach((value, weight) =>
      exact(`${what}, weight ${weight}`, found.watched[run.steps * run.weights + weight], value),
    );
    compareAll(what, found.watched, wanted.all, exact);
    wanted.firstFlips.forEach((step, weight) =>
      exact(`${what}, first flip of ${weight}`, found.firstFlips[weight], step ?? NaN),
    );
    wanted.flipsPerStep.forEach((count, step) =>
      exact(`${what}, flips in step ${step + 1}`, found.flipsPerStep[step], count),
    );
  });

  for (const [name, cases] of Object.entries(vectors.closed_forms)) {
    for (const [given, value] of cases) {
      const found = closedForms[name](...given);
      if (Array.isArray(value)) value.forEach((v, i) => near(`${name}(${given})`, found[i], v));
      else near(`${name}(${given})`, found, value);
    }
  }
  return wrong;
}

function compareAll(what, values, wanted, exact) {
  exact(`${what}, count`, values.length, wanted.count);
  exact(`${what}, sum`, values.reduce((sum, value) => sum + value, 0), wanted.sum);
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  exact(`${what}, bits`, words.reduce((all, word) => all ^ word, 0) >>> 0, wanted.bits);
}
