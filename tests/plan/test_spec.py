from __future__ import annotations

import pytest
from pydantic import ValidationError

from pedseg.domains import load_domains
from pedseg.plan import (
    DomainPlan,
    NormalisationSpec,
    ObjectiveSpec,
    Plan,
    ScheduleSpec,
    cache_digest,
)
from pedseg.plan.network import NetworkSpec


def part(name: str = "ankle", **changes: object) -> DomainPlan:
    (domain,) = load_domains([name])
    return DomainPlan.model_validate({"domain": domain, "plane": "axial", "spacing_mm": 0.5, **changes})


def plan(*names: str, **changes: object) -> Plan:
    return Plan.model_validate({"domains": tuple(part(n) for n in names), **changes})


@pytest.mark.parametrize(
    ("batch", "names", "scheme", "share"),
    [
        (18, ("ankle", "knee", "shoulder"), "dsl", 6),
        (20, ("ankle", "knee", "shoulder"), "dsl", 6),
        (3, ("ankle", "knee"), "dsl", 2),
        (18, ("ankle", "knee", "shoulder"), "individual", 18),
        (18, ("ankle", "knee", "shoulder"), "transfer", 18),
        (18, ("ankle", "knee", "shoulder"), "shared", 6),
        (1, ("ankle",), "dsl", 2),
    ],
)
def test_every_domain_gets_an_equal_share_of_at_least_two(batch, names, scheme, share):
    made = plan(
        *names, network={"scheme": scheme}, objective=ObjectiveSpec(name="ce"), schedule=ScheduleSpec(batch=batch)
    )
    assert made.share == share


def test_contrast_needs_domains_that_share_a_network():
    with pytest.raises(ValidationError, match="use ce"):
        plan("ankle")
    with pytest.raises(ValidationError, match="use ce"):
        plan("ankle", "knee", network={"scheme": "individual"})
    assert plan("ankle", objective={"name": "ce"}).objective.name == "ce"


def test_a_mirror_image_is_averaged_only_where_training_mirrored():
    with pytest.raises(ValidationError, match="averages what training mirrored"):
        plan("ankle", "knee", prediction={"mirror": True}, augmentation={"flips": "none"})
    assert plan("ankle", "knee", prediction={"mirror": True}, augmentation={"flips": "left_right"}).prediction.mirror


@pytest.mark.parametrize(
    ("names", "scheme", "objective", "nearest"),
    [
        (("ankle",), "dsl", "msc+mjap", "shape"),
        (("ankle", "knee"), "individual", "mjap", "shape"),
        (("ankle", "knee"), "individual", "ssc", "ce"),
    ],
)
def test_a_prior_of_several_joints_needs_them_in_one_network(names, scheme, objective, nearest):
    with pytest.raises(ValidationError, match=f"several joints|contrasts domains.*: use {nearest}"):
        plan(*names, network={"scheme": scheme}, objective={"name": objective})
    assert plan(*names, network={"scheme": scheme}, objective={"name": nearest}).objective.name == nearest


def test_domains_differ_and_share_one_window():
    with pytest.raises(ValidationError, match="domains must differ"):
        plan("ankle", "ankle")
    with pytest.raises(ValidationError, match="one window"):
        Plan(domains=(part("ankle"), part("knee", window=128)))


@pytest.mark.parametrize("wrong", [{"spacing_mm": 0}, {"window": 100}, {"plane": "oblique"}, {"spacng": 1}])
def test_wrong_decisions_do_not_come_to_be(wrong):
    with pytest.raises(ValidationError):
        part("ankle", **wrong)


def test_digest_covers_decisions_and_not_their_reasons():
    base = plan("ankle", "knee")
    assert base.model_copy(update={"why": {"batch": "because"}}).digest == base.digest
    explained = tuple(d.model_copy(update={"why": {"plane": "so"}}) for d in base.domains)
    assert base.model_copy(update={"domains": explained}).digest == base.digest
    assert base.model_copy(update={"schedule": ScheduleSpec(epochs=7)}).digest != base.digest


def test_a_field_that_a_later_version_adds_changes_no_digest():
    class LaterDomainPlan(DomainPlan):
        added: int = 0

    class LaterPlan(Plan):
        added: str = "as before"

    base = plan("ankle", "knee")
    later = LaterPlan.model_validate(base.model_dump(by_alias=True))
    assert (later.digest, later.resume_digest) == (base.digest, base.resume_digest)
    assert later.model_copy(update={"added": "new"}).digest != base.digest
    first = LaterDomainPlan.model_validate(base.domains[0].model_dump(by_alias=True))
    assert cache_digest(first) == cache_digest(base.domains[0])


def test_cache_digest_covers_what_the_cache_depends_on():
    base = part("ankle")
    assert cache_digest(part("ankle", cases={"a": "a"}, source="x", why={"plane": "so"})) == cache_digest(base)
    assert cache_digest(part("ankle", spacing_mm=0.6)) != cache_digest(base)
    assert cache_digest(part("ankle", label_detail=2)) != cache_digest(base)
    assert cache_digest(part("ankle", normalisation=NormalisationSpec(clip_percentiles=None))) != cache_digest(base)


def test_learning_rate_stays_or_falls_to_nothing() -> None:
    assert [ScheduleSpec().decay_at(d) for d in (0, 0.5, 1)] == [1, 1, 1]
    assert [ScheduleSpec(decay="poly").decay_at(d) for d in (0, 0.5, 1)] == pytest.approx([1, 0.5**0.9, 0])


def test_schemes_and_strategies_must_fit_the_domains():
    with pytest.raises(ValidationError, match="strategy global trains every domain alone"):
        plan("ankle", "knee", network={"strategy": "global"}, objective={"name": "ce"})
    with pytest.raises(ValidationError, match="there is one: use individual"):
        plan("ankle", network={"scheme": "transfer"}, objective={"name": "ce"})
    with pytest.raises(ValidationError, match="does not tell apart: use ce"):
        plan("ankle", "knee", network={"scheme": "shared"}, objective={"name": "msc"})
    with pytest.raises(ValidationError, match="several bones: use shape"):
        plan("ankle", network={"strategy": "global"}, objective={"name": "spar"})


def test_predictions_name_bones_or_their_union():
    alone = {"scheme": "individual", "strategy": "individual"}
    made = [plan("ankle", "knee", network=n, objective={"name": "ce"}) for n in ({}, {"scheme": "shared"}, alone)]
    assert all(p.predicted("knee") == p.domain_plan("knee") for p in made)
    union = plan("ankle", network={"strategy": "global"}, objective={"name": "ce"})
    assert list(union.predicted("ankle").domain.labels) == ["all"]
    assert union.predicted("ankle").spacing_mm == 0.5
    assert union.coding.widths == (1,)


def test_strategy_and_source_stand_in_no_digest_of_a_plan_without_them():
    base = plan("ankle", "knee", objective={"name": "ce"}, network={"scheme": "transfer"})
    values = base.model_dump(by_alias=True)
    without = {k: v for k, v in values["network"].items() if k not in ("strategy", "source")}
    assert Plan.model_validate({**values, "network": without}).digest == base.digest
    named = Plan.model_validate({**values, "network": {**without, "source": "knee"}})
    assert len({p.resume_digest for p in (base, named)}) == 2


@pytest.mark.parametrize("network", [{"channels": (32, 64, 128, 256, 1 << 20)}, {"channels": (10**9,) * 5}])
def test_no_plan_asks_for_a_network_beyond_reason(network):
    with pytest.raises(ValueError, match="from 2 to 4096"):
        NetworkSpec(**network)
