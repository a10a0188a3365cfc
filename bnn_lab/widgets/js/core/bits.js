// Words of 32 bits, as the kernels pack them: bit 1 is -1, channel 0 is the lowest bit.

/** How many bits of a word are 1. */
export function popcount(word) {
  let v = word >>> 0;
  v -= (v >>> 1) & 0x55555555;
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  v = (v + (v >>> 4)) & 0x0f0f0f0f;
  return Math.imul(v, 0x01010101) >>> 24;
}

/** +3, 0 or −3, with a true minus sign. */
export function signed(value) {
  return value > 0 ? `+${value}` : String(value).replace("-", "\u2212");
}
