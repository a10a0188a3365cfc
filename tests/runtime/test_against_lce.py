"""The same file gives the same bits here and in LCE's own interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnn_lab import Interpreter, kernels, reference

lce = pytest.importorskip("larq_compute_engine").testing

CHANNELS = [1, 7, 31, 32, 33, 63, 64, 65, 97, 128]


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_convolution(conv_model, data):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 2]))
    group_in = draw(st.sampled_from([32, 64, 96] if groups > 1 else CHANNELS))
    channels, out_channels = groups * group_in, groups * draw(st.sampled_from(CHANNELS))
    kernel = draw(st.sampled_from([1, 2, 3, 5]))
    output = draw(st.sampled_from(["float32", "int8", "bits"]))
    options = {
        "channels_in": channels,
        "groups": groups,
        "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "dilation": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "pad_values": 1,  # LCE adds its zero-padding correction in float, so rounds differently
        "output": output,
    }
    x = reference.pack_bits(rng.random((1, 14, 15, channels)) < 0.5)
    filters = reference.pack_bits(rng.random((out_channels, kernel, kernel, group_in)) < 0.5)
    if output == "bits":
        depth = kernel * kernel * group_in
        options["threshold"] = rng.integers(-1, depth + 2, out_channels).astype(np.int32)
    else:
        options["activation"] = draw(st.sampled_from(["none", "relu", "relu_n1_to_1", "relu6"]))
        options["multiplier"] = rng.normal(size=out_channels).astype(np.float32)
        options["bias"] = (5 * rng.normal(size=out_channels)).astype(np.float32)
    if output == "int8":
        options["output_scale"] = float(np.float32(draw(st.sampled_from([0.1, 0.5, 2.0]))))
        options["output_zero_point"] = draw(st.integers(-50, 50))
    content = conv_model(x, filters, options)
    theirs = lce.Interpreter(content, use_reference_bconv=True).predict(x)
    for backend in kernels.available_backends():
        ours = Interpreter(content, backend=backend).predict(x)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
