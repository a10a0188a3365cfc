from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.costmodel.file_layers import file_layers
from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.errors import InputError
from bnn_lab.lessons.designer import (
    FUSED,
    NONE,
    PARTS,
    QUICKNETS,
    SEPARATE,
    Design,
    build,
    design,
    estimate,
    measure_design,
    steps,
)

SMALL = {s: design((2, 1, 3, 1), (32, 64, 96, 128), 64, s) for s in (FUSED, SEPARATE, NONE)}


@pytest.fixture
def shipped() -> CostModel:
    return CostModel.load(SHIPPED, backend="avx2")


def as_if_trained(model):
    """Batch normalizations all differ: equal ones would share their bytes in the file."""
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if "batch_norm" in layer.name:
            layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


@pytest.mark.parametrize("shortcuts", [FUSED, SEPARATE, NONE])
def test_layers_and_bytes_are_those_of_the_converted_file(shortcuts: str, shipped) -> None:
    from bnn_lab.convert import convert_keras_model

    state = SMALL[shortcuts]
    content = convert_keras_model(as_if_trained(build(state)))
    rows = file_layers(content, fuse=shortcuts != SEPARATE)
    assert [step.layer for step in steps(state)] == [x for row in rows for x in row.layers]
    assert estimate(state, shipped).file_bytes == pytest.approx(len(content), rel=0.03)
    # The cost model's estimate of the file is the same sum.
    known = shipped.predict_file(content, fuse=shortcuts != SEPARATE)
    assert estimate(state, shipped).total_ms == pytest.approx(known.ms.sum())


def test_quicknets_have_the_published_macs(shipped) -> None:
    from bnn_lab.models import networks

    # larq counts padding, as we do.
    published = {n.name: n.published.macs for n in networks(published=True)}
    for ours, theirs in (("QuickNet Small", "quicknet_small"), ("QuickNet", "quicknet")):
        found = estimate(QUICKNETS[ours], shipped)
        binary, everything = published[theirs]
        assert found.binary_macs == pytest.approx(binary, rel=0.01)
        assert found.total_macs == pytest.approx(everything, rel=0.01)


def test_more_blocks_more_of_everything(shipped) -> None:
    few, many = (estimate(design((n,) * 4, (64,) * 4), shipped) for n in (1, 2))
    assert few.total_ms < many.total_ms
    assert few.total_macs < many.total_macs
    assert few.file_bytes < many.file_bytes
    binary = [estimate(SMALL[s], shipped) for s in (NONE, FUSED, SEPARATE)]
    assert binary[0].total_macs == binary[1].total_macs == binary[2].total_macs
    assert binary[0].total_ms < binary[1].total_ms < binary[2].total_ms


def test_parts_add_up_and_every_part_is_there(shipped) -> None:
    found = estimate(Design(), shipped)
    assert sum(found.of_part(found.ms, part) for part in PARTS) == pytest.approx(found.total_ms)
    assert all(found.of_part(found.ms, part) > 0 for part in PARTS)


def test_a_design_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"blocks_2=13\): must lie in 1\.\.12"):
        design((1, 13, 1, 1), (32, 32, 32, 32))
    with pytest.raises(InputError, match="shortcuts='some'"):
        design((1, 1, 1, 1), (32, 32, 32, 32), shortcuts="some")


def test_a_small_design_is_really_measured() -> None:
    told: list[tuple[str, float]] = []
    found = measure_design(SMALL[FUSED], lambda text, done: told.append((text, done)), rounds=2)
    assert 0 < found.ms < 1000
    assert found.file_bytes > 500_000
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert told[-1] == ("done", 1.0)
