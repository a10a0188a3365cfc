// Numbers as a sentence or an axis has them.

/** 1234 as "1,234", small numbers with one decimal. */
export function grouped(value, digits = value < 10 ? 1 : 0) {
  const [whole, part] = value.toFixed(digits).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
}

/** Seconds with three digits and a fitting unit, as bnn_lab/measure/units.py has them. */
export function seconds(value) {
  const [size, unit] = value >= 1 ? [1, "s"] : value >= 1e-3 ? [1e-3, "ms"] : [1e-6, "\u00b5s"];
  const number = value / size;
  return `${number.toFixed(number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2)} ${unit}`;
}

/** "4.9", "17". */
export const times = (factor) => (factor < 9.95 ? factor.toFixed(1) : grouped(factor, 0));

/** The item at an index, or the last one; the first for anything that is not an index. */
export const at = (list, index) => list[Math.min(Math.max(Math.trunc(index) || 0, 0), list.length - 1)];
