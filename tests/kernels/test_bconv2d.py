"""bconv2d of every backend equals the oracle exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnn_lab import kernels, reference
from bnn_lab.errors import BackendError, InputError

CHANNELS = [1, 2, 7, 16, 31, 32, 33, 63, 64, 65, 97, 128]
WIDE_CHANNELS = [255, 257, 511, 512, 513]


def random_words(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Bitpacked random signs; the last dimension counts channels."""
    return reference.pack_bits(rng.random(shape) < 0.5)


def random_case(rng: np.random.Generator, filters: tuple[int, ...], channels: int, **options):
    """Filters and the constants that `options["output"]` needs."""
    out, kh, kw, group_channels = filters
    options = {"channels_in": channels, **options}
    if options.get("output") == "bits":
        depth = kh * kw * group_channels
        options["threshold"] = rng.integers(-2, depth + 3, out).astype(np.int32)
        options.pop("activation", None)
    else:
        options["multiplier"] = rng.normal(size=out).astype(np.float32)
        options["bias"] = (3 * rng.normal(size=out)).astype(np.float32)
    return random_words(rng, *filters), options


def assert_equal(backend: str, x, filters, options, num_threads: int = 1) -> None:
    expected = reference.bconv2d(x, filters, **options)
    actual = kernels.bconv2d(x, filters, backend=backend, num_threads=num_threads, **options)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    group_in = draw(st.sampled_from(CHANNELS))
    group_out = draw(st.sampled_from(CHANNELS))
    kernel = draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from([1, 2, 3, 5]))
    size = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    small = st.integers(1, 3)
    output = draw(st.sampled_from(["float32", "int8", "bits"]))
    options = {
        "stride": (draw(small), draw(small)),
        "dilation": (draw(small), draw(small)),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "pad_values": draw(st.integers(0, 1)),
        "groups": groups,
        "output": output,
        "activation": draw(st.sampled_from(["none", "relu", "relu_n1_to_1", "relu6"])),
    }
    if output == "int8":
        options["output_scale"] = draw(st.sampled_from([0.1, 0.25, 0.5, 3.0]))
        options["output_zero_point"] = draw(st.integers(-128, 127))
    channels = groups * group_in
    filters, options = random_case(
        rng, (groups * group_out, *kernel, group_in), channels, **options
    )
    x = random_words(rng, draw(st.integers(0, 2)), *size, channels)
    return x, filters, options, draw(st.sampled_from([1, 2, 4]))


@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_equals_reference(backend, case):
    x, filters, options, num_threads = case
    assert_equal(backend, x, filters, options, num_threads)


@pytest.mark.parametrize("channels", WIDE_CHANNELS)
@pytest.mark.parametrize("output", ["float32", "bits"])
def test_many_channels(backend, channels, output):
    rng = np.random.default_rng(channels)
    for kernel in (1, 5):
        filters, options = random_case(
            rng, (65, kernel, kernel, channels), channels, output=output, padding="same"
        )
        assert_equal(backend, random_words(rng, 1, 6, 5, channels), filters, options)


@pytest.mark.parametrize("sign", [-1, 1])
def test_extreme_counts(backend, sign):
    """All bits agree or all differ: the largest popcounts that a filter can give."""
    for channels, kernel in itertools.product([64, 512, 1023], [3, 7]):
        x = reference.pack_bits(np.full((1, 9, 9, channels), sign < 0))
        filters = reference.pack_bits(np.zeros((33, kernel, kernel, channels), bool))
        got = kernels.bconv2d(x, filters, channels_in=channels, backend=backend)
        assert np.all(got == sign * kernel * kernel * channels)


@pytest.mark.parametrize("width", range(1, 33))
def test_every_width(backend, width):
    """Each remainder of a backend's tile of pixels."""
    rng = np.random.default_rng(width)
    filters, options = random_case(rng, (48, 3, 3, 32), 32, padding="same", pad_values=1)
    assert_equal(backend, random_words(rng, 1, 3, width, 32), filters, options)


@pytest.mark.parametrize("value", [0.5, 1.5, -0.5, -1.5, 0.49999997, -0.49999997, 300.0, -300.0])
def test_int8_rounds_halves_away_from_zero_and_saturates(backend, value):
    x = random_words(np.random.default_rng(0), 1, 2, 2, 32)
    options = {
        "channels_in": 32,
        "multiplier": np.zeros(8, np.float32),
        "bias": np.full(8, value, np.float32),
        "output": "int8",
    }
    filters = random_words(np.random.default_rng(1), 8, 1, 1, 32)
    assert_equal(backend, x, filters, options)
    got = kernels.bconv2d(x, filters, backend=backend, **options)
    exact = {0.5: 1, 1.5: 2, -0.5: -1, -1.5: -2, 300.0: 127, -300.0: -128}
    assert np.all(got == exact.get(value, 0))


def test_threads_do_not_change_results(backend):
    rng = np.random.default_rng(5)
    filters, options = random_case(rng, (128, 3, 3, 128), 128, padding="same", pad_values=0)
    x = random_words(rng, 2, 28, 28, 128)
    conv = kernels.BConv2D(filters, backend=backend, **options)
    expected = reference.bconv2d(x, filters, **options)
    for _ in range(20):
        for num_threads in (1, 2, 4):
            np.testing.assert_array_equal(conv(x, num_threads=num_threads), expected)


def test_one_object_serves_many_sizes(backend):
    rng = np.random.default_rng(6)
    filters, options = random_case(rng, (40, 3, 3, 40), 40, padding="same", pad_values=0)
    conv = kernels.BConv2D(filters, backend=backend, **options)
    for height, width in [(9, 4), (3, 3), (1, 12), (0, 5), (9, 4)]:
        x = random_words(rng, 2, height, width, 40)
        np.testing.assert_array_equal(conv(x), reference.bconv2d(x, filters, **options))


def test_inputs_that_are_not_contiguous(backend):
    rng = np.random.default_rng(7)
    filters, options = random_case(rng, (16, 3, 3, 64), 64)
    x = random_words(rng, 2, 8, 8, 64)[:, ::2, ::-1]
    assert_equal(backend, x, filters, options)


X = np.zeros((1, 4, 4, 2), np.int32)
FILTERS = np.zeros((8, 3, 3, 2), np.int32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X.astype(np.int64)}, "x must be int32"),
        ({"x": X.view(np.uint32)}, "not uint32. Fix: x.astype"),
        ({"x": X.astype(np.float32)}, r"not float32. Fix: pack its signs with bitpack\(\)"),
        ({"filters": FILTERS > 0}, r"not bool. Fix: pack its signs with bitpack\(\)"),
        ({"x": np.ma.masked_array(X, mask=True)}, "x is a masked array"),
        ({"multiplier": np.ma.ones(8, np.float32)}, "multiplier is a masked array"),
        ({"x": X[0]}, "x must have 4 dimensions"),
        ({"x": X[..., :1]}, "x of shape .* does not fit channels_in"),
        ({"x": [[1]]}, "x must be a NumPy array, not list"),
        ({"filters": FILTERS[..., :1]}, "filters of shape"),
        ({"filters": FILTERS[:0]}, "filters must not be empty"),
        ({"channels_in": 0}, "channels_in must lie in"),
        ({"channels_in": 64.0}, "channels_in must be an integer"),
        ({"stride": 1}, "stride must be a pair"),
        ({"stride": (0, 1)}, "stride must lie in"),
        ({"dilation": (1, -1)}, "dilation must lie in"),
        ({"padding": "full"}, "padding must be one of same, valid"),
        ({"pad_values": 2}, "pad_values must lie in"),
        ({"groups": 3}, "groups = 3 must divide"),
        ({"activation": "gelu"}, "activation must be one of"),
        ({"output": "float64"}, "output must be one of"),
        ({"output": "bits"}, "output='bits' needs a threshold"),
        ({"threshold": np.zeros(8, np.int32)}, "threshold applies to output='bits' only"),
        (
            {"output": "bits", "threshold": np.zeros(8, np.int32), "activation": "relu"},
            "do not apply to output='bits'",
        ),
        ({"multiplier": np.ones(8)}, "multiplier must be float32"),
        ({"multiplier": np.ones(7, np.float32)}, "one value for each of 8 filters"),
        ({"bias": np.ones((8, 1), np.float32)}, "bias must have 1 dimensions"),
        ({"output_scale": 0.5}, "apply to output='int8' only"),
        ({"output": "int8", "output_scale": 0.0}, "output_scale must be positive"),
        ({"output": "int8", "output_scale": float("nan")}, "output_scale must be a finite number"),
        ({"output": "int8", "output_scale": "1"}, "output_scale must be a finite number"),
        ({"output": "int8", "output_scale": None}, "output_scale must be a finite number"),
        ({"output": "int8", "output_scale": True}, "output_scale must be a finite number"),
        ({"output": "int8", "output_scale": 10**400}, "output_scale must be a finite number"),
        ({"output_scale": np.ones(2)}, "output_scale must be a finite number"),
        ({"output": "int8", "output_scale": 1e-40}, "output_scale = 1e-40 is too small"),
        (
            {"output": "int8", "output_scale": 1e-3, "bias": np.full(8, 3e38, np.float32)},
            "output_scale = 0.001 is too small for this multiplier and bias",
        ),
        ({"output": "int8", "output_activation": "relu"}, "bconv2d: output_activation and"),
        (
            {"dilation": (2**28, 2**28), "padding": "same"},
            "bconv2d: the padded input would be larger",
        ),
        ({"output": "int8", "output_zero_point": 128}, "output_zero_point must lie in"),
        ({"output": "int8", "bias": np.full(8, np.inf, np.float32)}, "bias must be finite"),
        ({"num_threads": 0}, "num_threads must lie in"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"x": X, "filters": FILTERS, "channels_in": 64, **change}
    x, filters = arguments.pop("x"), arguments.pop("filters")
    with pytest.raises(InputError, match=message):
        kernels.bconv2d(x, filters, **arguments)


def test_bits_past_the_last_channel_are_refused():
    dirty = X.copy()
    dirty[0, 1, 1, 1] = -1
    with pytest.raises(InputError, match="x has bits set past channel 63"):
        kernels.bconv2d(dirty, FILTERS, channels_in=63)


def test_unknown_backend():
    with pytest.raises(BackendError, match="unknown kernel backend 'sse9'"):
        kernels.bconv2d(X, FILTERS, channels_in=64, backend="sse9")


def test_errors_of_a_dense_layer_name_it():
    words = np.zeros((2, 2), np.int32)
    for call in (
        lambda: kernels.bdense(words, words[:0], channels_in=64),
        lambda: kernels.bdense(words, words, channels_in=64, num_threads=0),
        lambda: kernels.binary_gemm(words[:, :1], words, 64),
    ):
        with pytest.raises(InputError, match=r"^bdense: "):
            call()
