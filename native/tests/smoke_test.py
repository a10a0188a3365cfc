"""A wheel works on a clean machine: kernels on every backend, delegate, self-test, lessons."""

from __future__ import annotations

import numpy as np

import bnn_lab
from bnn_lab import kernels, reference
from bnn_lab.course.folder import shipped_exercises
from bnn_lab.lessons.copies import START, shipped_lessons


def main() -> None:
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, 9, 8, 70)) < 0.5)
    filters = reference.pack_bits(rng.random((33, 3, 3, 70)) < 0.5)
    options = {"channels_in": 70, "padding": "same", "pad_values": 0}
    expected = reference.bconv2d(x, filters, **options)
    for backend in kernels.available_backends():
        got = kernels.bconv2d(x, filters, backend=backend, **options)
        assert np.array_equal(got, expected), backend
    bnn_lab.load_delegate()  # runs the self-test inside LiteRT
    lessons = shipped_lessons()
    assert lessons[0].name == START and len(lessons) >= 6 and len(shipped_exercises()) >= 5
    print("bnn_lab", bnn_lab.__version__, "works with", ", ".join(kernels.available_backends()))


if __name__ == "__main__":
    main()
