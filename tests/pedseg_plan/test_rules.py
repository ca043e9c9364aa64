from __future__ import annotations

from typing import Any

import pytest

from pedseg.errors import UsageError
from pedseg.plan import EncoderWeights, NetworkSpec, ObjectiveSpec
from pedseg.plan.fingerprint import ExamFacts
from pedseg.plan.preset import load_preset
from pedseg_plan.rules import (
    Decision,
    batch_why,
    check_batch,
    check_scheme,
    check_window,
    encoder_rule,
    folds_rule,
    network_rule,
    objective_rule,
    plane_rule,
    precision_rule,
    prior_rule,
    spacing_rule,
    trained_on_validation,
)

GREY = {"mean": 1, "std": 1, "p00_5": 0, "p50": 1, "p99_5": 2}
DEFAULT = load_preset("default")


def exam(plane: str | None = "axial", size_mm: float = 160.0, **changes: Any) -> ExamFacts:
    """320 x 200 x 90 voxels sliced along the last axis; `size_mm` along the first."""
    values = {
        "patient": "anna",
        "side": "",
        "source": "s",
        "content": "c",
        "shape": (320, 200, 90),
        "spacing_mm": (size_mm / 320, 0.5, 2),
        "slice_axis": 2 if plane else None,
        "plane": plane,
        "axis_for": {"axial": 2, "coronal": 2, "sagittal": 2},
        "slices_with_bone": (5, 5, 60),
        "gaps": (0, 0, 0),
        "gap_runs": (0, 0, 0),
        "inside": GREY,
        "outside": GREY,
        "structures": {},
        "missing": (),
        **changes,
    }
    return ExamFacts.model_validate(values)


def named(*exams: ExamFacts) -> dict[str, ExamFacts]:
    return {f"c{i}": e for i, e in enumerate(exams)}


def alone(n: int) -> dict[str, str]:
    return {f"c{i}": f"p{i}" for i in range(n)}


def test_the_plane_is_the_majoritys():
    chosen = plane_rule(named(exam("sagittal"), exam("sagittal"), exam("axial"), exam(None)))
    assert chosen.value == "sagittal"
    assert chosen.why == "acquired plane of 2 of 4 exams"


@pytest.mark.parametrize("planes", [("sagittal", "coronal"), (None, None), ("sagittal", "axial")])
def test_without_a_majority_the_plane_is_axial(planes):
    assert plane_rule(named(*map(exam, planes))).value == "axial"


def test_the_window_holds_the_field_of_view_of_the_95th_percentile():
    """21 exams of 100, 101, ... 120 mm: the 95th percentile is 119 mm; 119 / 256 = 0.46484375, up to 0.4649."""
    exams = named(*(exam(size_mm=100.0 + i) for i in range(21)))
    chosen = spacing_rule(exams, "axial", 256)
    assert chosen.value == 0.4649
    assert "119.0 mm, over 256 pixels" in chosen.why
    # 120 mm are 258.1 pixels: one more than the outer halves of 256 + 1 reach.
    assert "; 1 wider: overlapping windows" in chosen.why


def test_a_small_cohort_keeps_its_widest_exam_in_one_window():
    """Between the exams of 249 and 230 mm the percentile would be 248 mm, and every slice of one exam two windows."""
    chosen = spacing_rule(named(*(exam(size_mm=s) for s in (210.0, 220.0, 230.0, 249.0))), "axial", 128)
    assert chosen.value == 1.9454
    assert "wider" not in chosen.why


def test_the_in_plane_field_is_that_of_the_slicing_axis():
    tall = exam(axis_for={"axial": 2, "coronal": 1, "sagittal": 0}, size_mm=64.0)
    assert spacing_rule(named(tall), "axial", 256).value == 0.3907  # 100 mm
    assert spacing_rule(named(tall), "sagittal", 256).value == 0.7032  # 180 mm
    assert spacing_rule(named(tall), "sagittal", 128).value == 1.4063


def test_an_exam_of_just_the_window_keeps_its_spacing():
    square = exam(shape=(256, 200, 90), spacing_mm=(0.625, 0.5, 2))
    assert spacing_rule(named(square), "axial", 256).value == 0.625


def test_network_of_the_preset_or_asked_for():
    assert network_rule(DEFAULT, None, None).value == DEFAULT.network == NetworkSpec(name="efficient_unet")
    other = network_rule(load_preset("demo"), "unet", "individual")
    assert (other.value.name, other.value.decoder, other.value.scheme) == ("unet", "transposed", "individual")
    assert other.value.channels == load_preset("demo").network.channels
    assert "asked for" in other.why
    # Asking for what the preset says keeps its decoder.
    assert network_rule(load_preset("miccai2021"), "unet", "dsl").value == load_preset("miccai2021").network
    with pytest.raises(UsageError, match=r"PS-A96: options: name: "):
        network_rule(DEFAULT, "vnet", None)


def test_an_encoder_starts_from_imagenet_where_it_can():
    """Nothing is fetched here; what stands beside the value says what to do without a network."""
    efficient, own = NetworkSpec(name="efficient_unet"), NetworkSpec(name="unet")
    chosen = encoder_rule(efficient, None)
    assert chosen.value == EncoderWeights(source="imagenet")
    assert chosen.why.endswith("without a network: a file, or --encoder-weights none")
    assert encoder_rule(own, None).value == encoder_rule(efficient, "none").value == EncoderWeights()
    assert encoder_rule(own, None).why.startswith("unet has no ImageNet encoder")
    assert encoder_rule(efficient, "imagenet") == Decision(EncoderWeights(source="imagenet"), "asked for")
    with pytest.raises(UsageError, match="PS-A120"):
        encoder_rule(own, "imagenet")


@pytest.mark.parametrize(
    ("asked", "scheme", "n", "name", "weight"),
    [
        (None, "dsl", 3, "msc+mjap", 0.05),
        ("msc", "dsl", 3, "msc", 0.05),
        ("ssc", "dsl", 3, "ssc", 0.1),
        ("ce", "dsl", 3, "ce", 0),
        (None, "dsl", 1, "ce", 0),
        (None, "shared", 3, "mjap", 0),
        (None, "individual", 3, "ce", 0),
        (None, "transfer", 3, "ce", 0),
        ("msc", "individual", 3, "ce", 0),
    ],
)
def test_objective(asked, scheme, n, name, weight):
    chosen = objective_rule(DEFAULT, asked, scheme, n).value
    assert chosen.name == name
    assert chosen.contrastive_weight == weight or not chosen.contrasts


def test_a_switched_off_objective_says_so():
    alone = objective_rule(DEFAULT, None, "dsl", 1).why
    assert alone == "msc+mjap is switched off: there is one domain, nothing to contrast"
    assert "the scheme is individual" in objective_rule(DEFAULT, "ssc", "individual", 2).why


def test_a_prior_of_all_joints_becomes_one_a_joint():
    """With the figures of the preset, which must know both."""
    priors = tuple(ObjectiveSpec(name=name, prior_weight=0.2) for name in ("msc+mjap", "shape"))
    preset = DEFAULT.model_copy(update={"alternatives": priors})
    chosen = objective_rule(preset.model_copy(update={"objective": priors[0]}), None, "individual", 3)
    assert chosen.value == priors[1]
    assert chosen.why == "msc+mjap becomes shape: the scheme is individual, nothing to contrast"
    assert objective_rule(DEFAULT, None, "individual", 3).value.name == "ce", "the default has no figures for shape"
    assert objective_rule(preset, "msc+mjap", "dsl", 3).value.name == "msc+mjap"
    with pytest.raises(UsageError, match=r"PS-A120: objective msc\+mjap contrasts .*: use shape"):
        objective_rule(preset, "msc+mjap", "individual", 3)
    with pytest.raises(UsageError, match=r"PS-A120: objective mjap learns one prior of several joints.*: use ce"):
        objective_rule(DEFAULT, "mjap", "dsl", 1)
    with pytest.raises(UsageError, match=r"no figures for objective 'spar'.*: choose one, or the preset isbi2021"):
        objective_rule(DEFAULT, "spar", "individual", 1)


def test_the_batch_says_what_it_becomes():
    assert batch_why(6, 3, 20, "dsl") == "20 over 3 domains: 6 slices each, so 18 in a batch"
    assert batch_why(20, 3, 20, "individual").startswith("every network is trained alone: 20 slices")


@pytest.mark.parametrize(
    ("wanted", "flags", "value"),
    [
        ("auto", {"avx512_bf16"}, "bfloat16"),
        ("auto", {"avx512f"}, "float32"),
        ("float32", {"avx512_bf16"}, "float32"),
        ("bfloat16", set(), "bfloat16"),
        ("float16", {"avx512_bf16"}, "float16"),
    ],
)
def test_precision(wanted, flags, value):
    assert precision_rule(wanted, frozenset(flags)).value == value


def test_folds():
    assert len(folds_rule({"a": alone(20), "b": alone(25)}, None).value) == 20
    assert len(folds_rule({"a": alone(21), "b": alone(25)}, None).value) == 5
    assert len(folds_rule({"a": alone(21)}, "loo").value) == 21
    assert len(folds_rule({"a": alone(9)}, "3").value) == 3
    for wrong in ("1", "0", "-2", "many", "2.5"):
        with pytest.raises(UsageError, match="PS-A120: --folds"):
            folds_rule({"a": alone(9)}, wrong)
    with pytest.raises(UsageError, match="PS-A89"):
        folds_rule({"a": alone(9)}, "10")


def test_domains_that_validate_on_training_exams_are_known():
    assert trained_on_validation(folds_rule({"a": alone(3), "b": alone(4)}, None).value) == ()
    assert trained_on_validation(folds_rule({"a": alone(3), "b": alone(2), "c": alone(1)}, None).value) == ("b", "c")


def test_a_strategy_of_bones_trains_every_domain_alone():
    chosen = network_rule(DEFAULT, None, None, strategy="global")
    assert (chosen.value.strategy, chosen.value.scheme) == ("global", "individual")
    assert chosen.why.endswith("; strategy global asked for")
    several = network_rule(DEFAULT, None, None, strategy="global", n_domains=2)
    with pytest.raises(UsageError, match="scheme dsl does not: use the scheme individual, or one domain"):
        check_scheme(several.value, ["ankle", "knee"])
    kept = network_rule(DEFAULT, None, "dsl", strategy="global")
    assert (kept.value.scheme, kept.value.strategy) == ("dsl", "global")
    assert network_rule(DEFAULT, None, None, strategy="multi").value == DEFAULT.network
    with pytest.raises(UsageError, match="PS-A96: options: strategy"):
        network_rule(DEFAULT, None, None, strategy="bones")
    check_scheme(chosen.value, ["ankle", "knee"])
    check_scheme(kept.value, ["ankle"])
    with pytest.raises(UsageError, match="PS-A120: strategy global trains every domain alone, scheme dsl does not"):
        check_scheme(kept.value, ["ankle", "knee"])


def test_transfer_needs_two_domains():
    chosen = network_rule(DEFAULT, None, "transfer").value
    check_scheme(chosen, ["ankle", "knee"])
    with pytest.raises(UsageError, match=r"PS-A120: scheme transfer .* there is one: use individual"):
        check_scheme(chosen, ["ankle"])
    assert "trained alone" in batch_why(18, 3, 18, "transfer")


@pytest.mark.parametrize("scheme", ["shared", "transfer"])
def test_contrast_is_refused_where_domains_are_not_told_apart_in_one_network(scheme):
    with pytest.raises(UsageError, match=r"PS-A120: objective msc contrasts domains.*: use ce"):
        objective_rule(DEFAULT, "msc", scheme, 3)


def test_a_window_that_a_network_cannot_halve_is_refused_with_the_next_ones():
    check_window(None, NetworkSpec(name="efficient_unet"))
    check_window(80, NetworkSpec(name="vgg_unet"))
    with pytest.raises(UsageError, match=r"PS-A120: unet takes windows .* of 16, not 16: use 32 or 48"):
        check_window(16, NetworkSpec(name="unet"))
    with pytest.raises(UsageError, match=r"PS-A120: efficient_unet takes windows .* of 32, not 80: use 64 or 96"):
        check_window(80, NetworkSpec(name="efficient_unet"))


@pytest.mark.parametrize(
    ("asked", "n", "scheme", "least"), [(3, 3, "dsl", 6), (5, 3, "shared", 6), (1, 3, "individual", 2)]
)
def test_a_batch_below_two_slices_a_domain_is_refused(asked, n, scheme, least):
    with pytest.raises(UsageError, match=rf"PS-A120: a batch of {asked} leaves .* two are needed: use {least}"):
        check_batch(asked, n, scheme)
    check_batch(least, n, scheme)
    check_batch(None, n, scheme)


def test_codes_of_a_joint_are_not_judged_bone_by_bone():
    terms = tuple(ObjectiveSpec(name=name) for name in ("spar", "shape"))
    preset = DEFAULT.model_copy(update={"alternatives": terms})
    chosen = objective_rule(load_preset("isbi2021"), None, "individual", 3, strategy="individual")
    assert chosen.value.name == "shape"
    assert chosen.why == "spar becomes shape: the strategy is individual"
    with pytest.raises(UsageError, match=r"PS-A120: objective spar judges codes.*: use shape"):
        objective_rule(preset, "spar", "individual", 3, strategy="individual")
    assert objective_rule(preset, "spar", "individual", 3).value.name == "spar"
def test_the_auto_encoder_of_the_objective_with_the_presets_figures_or_the_papers():
    paper = load_preset("media2023")
    chosen = prior_rule(paper, paper.objective_named("msc+mjap"), "dsl")
    assert (chosen.value, chosen.why) == (paper.prior, paper.why["prior"])
    assert prior_rule(paper, paper.objective_named("msc"), "dsl").value is None
    other = prior_rule(DEFAULT.model_copy(update={"prior": None}), ObjectiveSpec(name="shape"), "individual")
    assert other.value.learning_rate == 1e-2
    assert other.why == "the preset has no figures: C section 3.2, D section 3.3"
