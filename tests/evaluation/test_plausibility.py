"""Limits of good bones, and what is said of a bone beside them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from pedseg.evaluation.plausibility import (
    CODE_LEVEL,
    LEAST_SPREAD,
    LOOK_AGAIN,
    LOOKS_LIKE,
    NOT_JUDGED,
    Appearance,
    Calibration,
    Verdict,
    calibrate,
    code_distance,
    heed_agreement,
    judge_bone,
    jump_of,
    upper_bound,
)


def drawn(n: int, seed: int = 0, *, first: int = 0, width: int = 6) -> list[Appearance]:
    """Good bones: a share about 0.3, jumps about 1 mm, a Dice about 0.9."""
    draw = np.random.default_rng(seed)
    return [
        Appearance(
            f"exam_{first + i}",
            draw.normal(0, 1, width),
            float(0.9 + 0.02 * draw.normal()),
            float(0.3 * np.exp(0.1 * draw.normal())),
            float(np.exp(0.1 * draw.normal())),
        )
        for i in range(n)
    ]


def test_a_bound_is_that_of_a_table_of_student() -> None:
    """t of two degrees of freedom at 0.95 is 2.9200; 2 + 2.92 * 1 * sqrt(4 / 3)."""
    assert upper_bound([1.0, 2.0, 3.0], 0.95, least_spread=0.1) == pytest.approx(5.3717, abs=1e-3)
    wanted = 2 + 2.92 * 0.5 * math.sqrt(4 / 3)
    assert upper_bound([2.0, 2.0, 2.0], 0.95, least_spread=0.5) == pytest.approx(wanted, abs=1e-3)


def test_the_distance_of_a_code_is_the_mean_of_the_nearest_three_in_deviations() -> None:
    """Deviations of 0, 0, 4, 4 are 2.3094; squares of (x, y) = (1, 0): 1 + 0, 1 + 16, 9 + 0, 9 + 16, halved."""
    codes = np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 0.0], [4.0, 4.0]])
    scale = math.sqrt(16 / 3)
    nearest = [math.sqrt(s / 2) / scale for s in (1, 9, 17)]
    assert code_distance(np.array([1.0, 0.0]), codes) == pytest.approx(sum(nearest) / 3)


def test_a_feature_that_hardly_varies_does_not_decide() -> None:
    codes = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1e-9], [3.0, 0.0]])
    assert code_distance(np.array([1.0, 1e-3]), codes) < 1.01 * code_distance(np.array([1.0, 0.0]), codes)
    same = np.ones((4, 2))
    assert code_distance(np.array([1.0, 1.0]), same) == 0


def test_jumps_are_ways_to_the_middle_of_the_neighbours() -> None:
    straight = np.stack([np.arange(5.0), 2 * np.arange(5.0)], 1)
    assert jump_of([straight]) == 0
    torn = np.array([[0.0, 0.0], [3.0, 1.0]] * 3)  # each 3 + 1 mm from midway
    assert jump_of([torn]) == pytest.approx(4)
    assert jump_of([torn, straight, straight]) == 0  # 4 of 10 slices jump
    assert jump_of([torn[:2]]) == 0


def test_good_bones_pass_about_as_often_as_planned() -> None:
    """Bounds at 0.975, 0.995, 0.99 twice and 0.975: 7.5 % where the four measures know nothing of each other."""
    flagged = []
    for seed in range(150):
        exams = drawn(9, seed)
        known = calibrate(exams, exams=9)
        flagged += [judge_bone(bone, known).verdict == LOOK_AGAIN for bone in drawn(10, 1000 + seed, first=20)]
    assert 0.04 < np.mean(flagged) < 0.11


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": np.full(6, 9.0)}, "unlike the shapes of training"),
        ({"reconstruction_dice": 0.6}, "drawn badly by the auto-encoder"),
        ({"volume_share": 0.18}, "small beside the other bones"),
        ({"volume_share": 0.5}, "large beside the other bones"),
        ({"jump_mm": 3.0}, "outlines jump from slice to slice"),
    ],
)
def test_each_limit_alone_asks_for_another_look(changes: dict[str, object], reason: str) -> None:
    known = calibrate(drawn(9), exams=9)
    plain = Appearance("new", np.zeros(6), 0.9, 0.3, 1.0)
    assert judge_bone(plain, known).verdict == LOOKS_LIKE
    verdict = judge_bone(replace(plain, **changes), known)  # type: ignore[arg-type]
    assert (verdict.verdict, verdict.reasons) == (LOOK_AGAIN, (reason,))


def test_values_stand_beside_their_limits_and_are_plain() -> None:
    known = calibrate(drawn(9), exams=9)
    record = json.loads(json.dumps(judge_bone(Appearance("new", np.zeros(6), 0.9, 0.3, 1.0), known).as_plain))
    assert list(record) == [
        "verdict", "code_distance", "code_limit", "reconstruction_dice", "reconstruction_limit", "volume_share",
        "volume_share_limits", "jump_mm", "jump_limit_mm",
    ]  # fmt: skip
    assert record["code_limit"] == round(known.code_limit, 4)
    assert record["volume_share_limits"] == [round(v, 4) for v in known.share_limits]


def test_a_bone_that_all_of_training_had_is_missed() -> None:
    nine = calibrate(drawn(9), exams=9)
    assert judge_bone(None, nine).verdict == LOOK_AGAIN
    assert judge_bone(None, nine).reasons == ("not found; 0 of 9 exams of training are without it",)
    assert judge_bone(None, calibrate(drawn(8), exams=9)).verdict == LOOKS_LIKE


def test_too_few_exams_judge_nothing() -> None:
    for n in (0, 3):
        verdict = judge_bone(Appearance("new", np.full(6, 99.0), 0, 1, 99), calibrate(drawn(n), exams=n))
        assert verdict.verdict == NOT_JUDGED
        assert verdict.reasons == (f"{n} exams of training are too few, 4 are needed",)
    assert judge_bone(None, calibrate(drawn(4), exams=4)).verdict == LOOK_AGAIN


def test_an_exam_is_never_its_own_neighbour() -> None:
    """A prediction that equals its reference is as far from the others as that."""
    exams = drawn(6)
    distances = [code_distance(a.code, np.stack([b.code for b in exams if b is not a])) for a in exams]
    for predicted in ([], exams):  # the same distances once, and twice
        logs = list(np.log(distances)) * (2 if predicted else 1)
        wanted = math.exp(upper_bound(logs, CODE_LEVEL, least_spread=LEAST_SPREAD))
        assert calibrate(exams, predicted, exams=6).code_limit == pytest.approx(wanted, rel=1e-5)


def test_a_drawing_is_measured_by_exams_the_auto_encoder_has_not_learned() -> None:
    """Learned: 0.95 each; validation: 0.85 drawn, 0.85 predicted. Centre 0.85, deviation of all as it is."""
    exams = [replace(a, reconstruction_dice=0.85 if i == 5 else 0.95) for i, a in enumerate(drawn(6))]
    predicted = [replace(exams[5], reconstruction_dice=0.85)]
    spread = float(np.std([0.95] * 5 + [0.85] * 2, ddof=1))
    wanted = 0.85 - 3.7074 * spread * math.sqrt(1 + 1 / 2)  # t of six degrees of freedom at 0.995
    assert calibrate(exams, predicted, exams=6).reconstruction_limit == pytest.approx(wanted, abs=1e-4)


def test_a_bone_that_is_drawn_too_badly_is_not_judged_by_it() -> None:
    poor = [replace(a, reconstruction_dice=0.3) for a in drawn(6)]
    known = calibrate(poor, exams=6)
    assert known.reconstruction_limit is None
    verdict = judge_bone(Appearance("new", np.zeros(6), 0.0, 0.3, 1.0), known)
    assert (verdict.verdict, verdict.values["reconstruction_limit"]) == (LOOKS_LIKE, None)


def test_limits_are_plain_and_come_back() -> None:
    known = calibrate(drawn(5), exams=6)
    again = Calibration.of_limits(json.loads(json.dumps(known.limits, allow_nan=False)), known.codes)
    assert again.limits == known.limits
    assert json.dumps(calibrate(drawn(2), exams=2).limits, allow_nan=False)


LIKE = Verdict(LOOKS_LIKE, (), {"code_distance": 1.0})


@pytest.mark.parametrize(
    ("agreement", "limit", "word"),
    [(0.9, 0.8, LOOKS_LIKE), (0.795, 0.8, LOOKS_LIKE), (0.78, 0.8, LOOK_AGAIN), (0.1, None, LOOKS_LIKE)],
    ids=["above", "within the slack of 0.01", "below", "not calibrated"],
)
def test_folds_that_disagree_ask_for_another_look(agreement: float, limit: float | None, word: str) -> None:
    verdict = heed_agreement(LIKE, agreement, limit)
    assert verdict.verdict == word
    assert verdict.as_plain["agreement"] == agreement
    assert verdict.as_plain["agreement_limit"] == limit
    assert verdict.as_plain["code_distance"] == 1.0
    assert ("folds disagree" in verdict.reasons) == (word == LOOK_AGAIN)


def test_disagreement_is_heeded_where_shapes_are_not_judged() -> None:
    unjudged = Verdict(NOT_JUDGED, ("no auto-encoder",))
    assert heed_agreement(unjudged, 0.9, 0.8).verdict == NOT_JUDGED
    again = heed_agreement(unjudged, 0.5, 0.8)
    assert (again.verdict, again.reasons) == (LOOK_AGAIN, ("folds disagree",))


def test_disagreement_is_one_reason_among_others() -> None:
    doubted = Verdict(LOOK_AGAIN, ("small beside the other bones",), {"volume_share": 0.1})
    assert heed_agreement(doubted, 0.5, 0.8).reasons == ("small beside the other bones", "folds disagree")
    assert heed_agreement(doubted, 0.9, 0.8).reasons == ("small beside the other bones",)
