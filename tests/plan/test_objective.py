"""Objectives by name: their terms, and where each can be had."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from pedseg.plan import ObjectiveName, ObjectiveSpec, misfit

NAMES = get_args(ObjectiveName)


def test_the_names_of_the_papers():
    assert NAMES == ("ce", "ssc", "msc", "mjap", "ssc+mjap", "msc+mjap", "shape", "adv", "shape+adv", "spar")
    for wrong in ("mjap+msc", "ssc+msc", "shape+mjap"):
        with pytest.raises(ValidationError):
            ObjectiveSpec(name=wrong)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("ce", {}),
        ("ssc", {"ssc": 0.3}),
        ("msc+mjap", {"msc": 0.3, "mjap": 0.2}),
        ("shape+adv", {"shape": 0.2, "adv": 0.05}),
        ("spar", {"spar": 0.05}),
    ],
)
def test_each_term_has_its_weight(name, weights):
    spec = ObjectiveSpec(name=name, contrastive_weight=0.3, prior_weight=0.2, adversarial_weight=0.05)
    assert spec.weights == weights
    assert list(spec.weights) == list(weights)


def test_weights_of_the_papers_stand_where_none_is_given():
    """B section 3.3: lambda_3 0.1; C section 3.2 and D section 3.3: 0.01 and 0.1."""
    assert ObjectiveSpec(name="mjap").weights == {"mjap": 0.1}
    assert ObjectiveSpec(name="shape+adv").weights == {"shape": 0.1, "adv": 0.01}
    assert ObjectiveSpec(name="spar").weights == {"spar": 0.01}
    assert ObjectiveSpec().prior_reduction == "mean"


def test_what_each_objective_needs_beside_the_network():
    specs = [ObjectiveSpec(name=name) for name in NAMES]
    assert {s.name for s in specs if s.contrasts} == {"ssc", "msc", "ssc+mjap", "msc+mjap"}
    assert {s.name for s in specs if s.needs_autoencoder} == {
        n for n in NAMES if {"mjap", "shape"} & set(n.split("+"))
    } | {"spar"}
    assert {s.name for s in specs if s.needs_discriminator} == {"adv", "shape+adv", "spar"}


@pytest.mark.parametrize(
    ("name", "scheme", "n", "nearest"),
    [
        ("msc", "dsl", 1, "ce"),
        ("ssc", "individual", 3, "ce"),
        ("mjap", "individual", 3, "shape"),
        ("mjap", "dsl", 1, "shape"),
        ("msc+mjap", "individual", 2, "shape"),
        ("msc+mjap", "shared", 3, "mjap"),
        ("msc", "shared", 3, "ce"),
        ("shape", "shared", 3, "mjap"),
        ("shape+adv", "shared", 3, "mjap"),
        ("spar", "shared", 3, "mjap"),
        ("adv", "shared", 3, "ce"),
        ("msc+mjap", "transfer", 3, "shape"),
    ],
)
def test_what_cannot_be_had_names_the_nearest(name, scheme, n, nearest):
    fault = misfit(name, scheme, n)
    assert fault is not None
    assert str(fault).startswith(f"objective {name} ")
    assert str(fault).endswith(f": use {nearest}")
    assert fault.nearest == nearest


@pytest.mark.parametrize("scheme", ["individual", "transfer", "dsl", "shared"])
@pytest.mark.parametrize("n", [1, 3])
def test_the_nearest_can_always_be_had(scheme, n):
    faults = {name: misfit(name, scheme, n) for name in NAMES}
    assert all(fault is None or (fault.nearest in NAMES and faults[fault.nearest] is None) for fault in faults.values())


def test_everything_fits_joints_that_share_convolutions():
    assert [misfit(name, "dsl", 3) for name in NAMES] == [None] * len(NAMES)


@pytest.mark.parametrize("strategy", ["individual", "global"])
def test_codes_of_single_bones_are_not_judged(strategy):
    """C judges the codes of a joint; D, which has the strategies, does not."""
    fault = misfit("spar", "individual", 1, strategy=strategy)
    assert str(fault) == "objective spar judges codes of masks of several bones: use shape"
    assert all(misfit(n, "individual", 1, strategy=strategy) is None for n in ("ce", "shape", "adv", "shape+adv"))
