// Where a network's time goes: the profile that a report holds, as the explorable `op_profile` reads it.
// The page's twin of bnn_lab.widgets.op_profile.pack_profiles.

const significant = (value) => Number(value.toPrecision(4));

/** TFLite's names of ops, joined by " + ", in words: bnn_lab.figures.op_names. */
export function plainNames(kind, { opNames }) {
  const plain = (name) => (Object.hasOwn(opNames, name) ? opNames[name] : name.toLowerCase().replaceAll("_", " "));
  return kind.split(" + ").map(plain).join(" + ");
}

/** The networks with a profile at so many threads: [{device, model, entry}]. */
export function profiledOf(reports, threads) {
  return reports.flatMap(({ device, models }) =>
    models
      .filter((entry) => entry.profile && entry.num_threads === Number(threads))
      .map((entry) => ({ device, model: entry.name, entry })),
  );
}

/** One of them as the explorable's file. */
export function packed({ device, model, entry }, site) {
  const rows = entry.profile.rows.map(({ kind, output_shape: shape, ms, binary, macs }) => [
    plainNames(kind, site),
    shape.join("\u00d7"),
    significant(ms),
    binary,
    macs === null || ms <= 0 ? null : significant(macs / ms / 1e6),
  ]);
  return { name: `${model} on ${device}`, ms: significant(entry.profile.end_to_end_ms), warning: "", rows };
}
