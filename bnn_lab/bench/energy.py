"""Energy of a convolution by a published table: picojoules for each operation and each byte.

A model, not a measurement. The values are those of M. Horowitz, "Computing's energy problem (and
what we can do about it)", ISSCC 2014, for a 45 nm process at 0.9 V, as others quote them:
arithmetic and an 8 kB cache in PMC8934428, table 3, and 640 pJ for 32 bits of DRAM. That table
knows no popcount; XOR, count and sum of a word are each taken as one 32-bit integer addition, an
assumption of this module.
"""

from __future__ import annotations

from bnn_lab.bench.kernels import ConvCase
from bnn_lab.bench.machine import conv_bytes

PICOJOULES = {
    "float32 multiplication": 3.7,
    "float32 addition": 0.9,
    "8-bit multiplication": 0.2,
    "32-bit addition": 0.1,
}
CACHE_BYTE, DRAM_BYTE = 10 / 8, 640 / 4  # 64 bits of an 8 kB cache; 32 bits of DRAM
_WORD = 32

FLOAT, INT8, FLOATS_OUT, BITS_OUT = "float32", "int8", "binary, floats out", "binary, bits out"
# Name to (bits of a value, bits of a result, picojoules of a multiply-accumulate).
FORMS = {
    FLOAT: (32, 32, PICOJOULES["float32 multiplication"] + PICOJOULES["float32 addition"]),
    INT8: (8, 8, PICOJOULES["8-bit multiplication"] + PICOJOULES["32-bit addition"]),
    FLOATS_OUT: (1, 32, 3 * PICOJOULES["32-bit addition"] / _WORD),
    BITS_OUT: (1, 1, 3 * PICOJOULES["32-bit addition"] / _WORD),
}


def conv_energy(case: ConvCase, form: str, byte: float = DRAM_BYTE) -> tuple[float, float]:
    """Energy of one convolution by the cited table.

    Args:
        case: the convolution.
        form: a key of `FORMS`.
        byte: picojoules that each byte read or written costs, each counted once.

    Returns:
        Microjoules of the arithmetic, and of the bytes.
    """
    bits, output_bits, each = FORMS[form]
    return case.macs * each / 1e6, conv_bytes(case, bits, output_bits) * byte / 1e6


def network_energy(macs: int, binary_macs: int, file_bytes: int, form: str) -> float:
    """Energy of one inference of a network by the cited table, at least.

    The arithmetic, and each byte of the file read once from DRAM. Activations are not counted: a
    report does not hold their sizes, and they may stay in a cache.

    Args:
        macs: multiply-accumulates of one inference.
        binary_macs: those of ±1 with ±1 where the network runs in a binary form.
        file_bytes: size of the file in this form.
        form: a key of `FORMS`; of a binary form, the MACs that are not binary are float ones.

    Returns:
        Millijoules.
    """
    each = FORMS[form][2]
    float_macs = macs - binary_macs if FORMS[form][0] == 1 else 0
    work = (macs - float_macs) * each + float_macs * FORMS[FLOAT][2]
    return (work + file_bytes * DRAM_BYTE) / 1e9
