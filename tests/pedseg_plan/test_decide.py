"""Facts and wishes to a plan, without an exam on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.names import preset_names
from pedseg.plan import Plan
from pedseg.plan.fingerprint import ExamFacts, Fingerprint
from pedseg.report.decisions import decisions
from pedseg_plan.decide import choose, decide
from pedseg_plan.measure import Measured
from pedseg_plan.options import PlanOptions
from pedseg_plan.sources import Source
from pedseg_plan.survey import fingerprint

JOINTS = ("ankle", "knee")


@pytest.fixture
def facts_of(exam_facts: Callable[..., ExamFacts]) -> Callable[..., Fingerprint]:
    """Three exams of three patients a joint; changes are of the knees' last."""

    def make(**changes: Any) -> Fingerprint:
        measured = [
            Measured(joint, f"c{i}", exam_facts(f"p{i}", **(changes if (joint, i) == ("knee", 2) else {})), ())
            for joint in JOINTS
            for i in range(3)
        ]
        return fingerprint(sources(), measured)

    return make


def sources(*, order: tuple[str, ...] = JOINTS) -> list[Source]:
    return [Source(domain, Path(), "elsewhere" if domain.name == "knee" else "") for domain in load_domains(order)]


def gib(text: str) -> float:
    found = re.match(r"about (\d+\.\d) GiB", text)
    assert found
    return float(found[1])


def test_domains_keep_their_order_their_exams_and_their_places(facts_of: Callable[..., Fingerprint]) -> None:
    facts = facts_of()
    plan = decide(sources(order=("knee", "ankle")), facts, PlanOptions(name="mine", seed=7))
    assert plan.domain_names == ("knee", "ankle")
    assert [part.source for part in plan.domains] == ["elsewhere", ""]
    assert plan.domain_plan("ankle").cases == {"c0": "p0", "c1": "p1", "c2": "p2"}
    assert (plan.name, plan.fingerprint, plan.schedule.seed) == ("mine", facts.digest, 7)
    assert plan.domain_plan("knee").spacing_mm == 0.3907  # 100 mm over 256 pixels, rounded up


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("network", [None, "att_unet", "dense_unet"])
def test_every_decision_has_a_value_and_a_reason(
    facts_of: Callable[..., Fingerprint], preset: str, network: str | None
) -> None:
    plan = decide(sources(), facts_of(), PlanOptions(preset=preset, network=network))
    assert [what for what, _, why in decisions(plan) if not why] == []
    assert [what for what, value, _ in decisions(plan) if not value] == ["training memory", "prediction memory"]
    assert Plan.model_validate(plan.model_dump(by_alias=True)) == plan


def test_what_was_asked_for_is_said_to_be(facts_of: Callable[..., Fingerprint]) -> None:
    default = decide(sources(), facts_of(), PlanOptions())
    asked = decide(sources(), facts_of(), PlanOptions(epochs=3, batch=10, window=64))
    assert (asked.schedule.epochs, asked.schedule.batch, asked.domains[0].window) == (3, 10, 64)
    assert asked.why["epochs"] == asked.domains[0].why["window"] == "asked for"
    assert "asked for" not in (default.why["epochs"], default.domains[0].why["window"])
    same = decide(sources(), facts_of(), PlanOptions(window=default.domains[0].window))
    assert same.digest == default.digest
    assert same.domains[0].why == default.domains[0].why


@pytest.mark.parametrize("wish", [{"epochs": 0}, {"epochs": -1}, {"seed": -1}], ids=str)
def test_a_number_out_of_range_is_refused(facts_of: Callable[..., Fingerprint], wish: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"PS-A96: options: {next(iter(wish))}: "):
        decide(sources(), facts_of(), PlanOptions(**wish))  # type: ignore[arg-type]


def test_the_memory_of_prediction_is_that_of_the_largest_exam(facts_of: Callable[..., Fingerprint]) -> None:
    """1000 x 1000 x 400 voxels are 4e8, of 16 bytes each, and 400 slices of 5 classes 2 bytes a pixel."""
    usual, large = (decide(sources(), facts_of(**c), PlanOptions()) for c in ({}, {"shape": (1000, 1000, 400)}))
    grown = gib(large.why["prediction_memory"]) - gib(usual.why["prediction_memory"])
    more = 16 * (4e8 - 1.6e6) + 2 * 5 * 360 * 256**2
    assert grown == pytest.approx(more / 2**30, abs=0.11)
    assert large.why["training_memory"] == usual.why["training_memory"]


def test_the_memory_of_training_names_what_it_is_for(facts_of: Callable[..., Fingerprint]) -> None:
    wishes: dict[str, Any] = {"preset": "media2023", "batch": 8, "window": 64}
    shared = decide(sources(), facts_of(), PlanOptions(objective="ce", **wishes)).why["training_memory"]
    alone = decide(sources(), facts_of(), PlanOptions(objective="ce", scheme="individual", **wishes)).why
    prior = decide(sources(), facts_of(), PlanOptions(objective="mjap", **wishes)).why["training_memory"]
    kept = "slices of 64 x 64 with all their feature maps, and Adam"
    assert shared.endswith(f": 8 {kept}")
    assert alone["training_memory"].endswith(f": 16 {kept}, of 2 networks")
    assert prior.endswith(", and Adam; an auto-encoder beside them")


def test_what_follows_from_names_alone_is_chosen_without_facts() -> None:
    chosen = choose(["ankle", "knee"], PlanOptions(preset="combreg", network="att_unet"))
    assert (chosen.network.value.name, chosen.encoder.value.source) == ("att_unet", "none")
    assert chosen.prior.value is not None
    assert chosen.preset.epochs == 20  # of this network, not of the preset's own
    with pytest.raises(UsageError, match="PS-A120"):
        choose(["ankle"], PlanOptions(scheme="transfer"))
