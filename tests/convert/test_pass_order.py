"""The order of the passes, against what each says that it needs, gives and ends."""

from __future__ import annotations

from itertools import combinations

import pytest

from bnn_lab.convert import make_pipeline
from bnn_lab.convert.pipeline import order_faults, passes_of
from bnn_lab.convert.rewrite.base import Fact

STEPS = list(make_pipeline())


@pytest.mark.parametrize("lce_compatible", [True, False])
@pytest.mark.parametrize("of_torch", [True, False])
def test_the_order_is_right(lce_compatible, of_torch):
    assert order_faults(make_pipeline(lce_compatible=lce_compatible, of_torch=of_torch)) == []


@pytest.mark.parametrize("fact", Fact, ids=lambda fact: fact.name)
def test_every_fact_is_needed_and_brought_about(fact):
    steps = list(passes_of(STEPS))
    assert any(fact in step.needs for step in steps)
    assert any(fact in step.gives or fact in step.ends for step in steps)


def test_an_exchange_that_matters_is_found():
    """Where one step gives or ends what another needs, their exchange is a fault."""
    found = 0
    for first, second in combinations(range(len(STEPS)), 2):
        early, late = list(passes_of([STEPS[first]])), list(passes_of([STEPS[second]]))
        given = {fact for step in early for fact in step.gives}
        ended = {fact for step in late for fact in step.ends}
        matters = any(given & set(step.needs) for step in late)
        matters |= any(ended & set(step.needs) for step in early)
        steps = STEPS.copy()
        steps[first], steps[second] = STEPS[second], STEPS[first]
        if matters:
            assert order_faults(steps), (STEPS[first].name, STEPS[second].name)
            found += 1
    assert found > len(STEPS)


def test_faults_name_the_passes():
    packed_early = [step for step in STEPS if step.name != "pack_filters"]
    packed_early.insert(0, next(step for step in STEPS if step.name == "pack_filters"))
    faults = order_faults(packed_early)
    assert "emit_bits needs 'filters are float constants': pack_filters comes before it" in faults
    fault = order_faults([next(step for step in STEPS if step.name == "lift_int8_convs")])[0]
    assert fault.endswith("which no pass gives or ends")
