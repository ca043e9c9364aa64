"""Scores of exams: by hand, on empty masks, and slice by slice against loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError
from pedseg.evaluation.metrics import measure_exam, score_exam, score_slices
from pedseg.evaluation.scores import Score, SliceScore
from pedseg.volumes import Volume

(SHOULDER,) = load_domains(["shoulder"])
FIRST, SECOND = SHOULDER.labels
METRICS = (
    "dice", "sensitivity", "specificity", "assd_mm", "mssd_mm", "ravd", "hd95_mm", "surface_dice_1mm",
    "volume_ml", "reference_volume_ml",
)  # fmt: skip
NAN = math.nan


def volume(array: NDArray[np.integer], spacing: tuple[float, float, float] = (1.0, 2.0, 3.0)) -> Volume:
    return Volume(array.astype(np.uint8), np.diag([*spacing, 1.0]))


def values(scores: tuple[Score, ...], structure: str) -> dict[str, float]:
    return {s.metric: s.value for s in scores if s.structure == structure}


def labelled(shape: tuple[int, int, int], **places: tuple[slice, ...]) -> Volume:
    """`one` and `two` give the places of the labels."""
    array = np.zeros(shape, dtype=np.uint8)
    for label, place in enumerate((places.get("one"), places.get("two")), start=1):
        if place is not None:
            array[place] = label
    return volume(array)


def test_rows_come_by_structure_then_metric_in_the_promised_order() -> None:
    exam = labelled((3, 3, 3), one=np.s_[:1, :, :], two=np.s_[2:, :, :])
    scores = score_exam(exam, exam, SHOULDER, exam="e7")
    assert [(s.structure, s.metric) for s in scores] == [(b, m) for b in (FIRST, SECOND, "all") for m in METRICS]
    assert {(s.exam, s.domain) for s in scores} == {("e7", "shoulder")}
    for structure in (FIRST, SECOND, "all"):
        assert [values(scores, structure)[m] for m in METRICS[:8]] == [1, 1, 1, 0, 0, 0, 0, 1]


def test_an_exam_worked_out_by_hand() -> None:
    """10 x 10 x 10 voxels of 6 mm3. First: rows 0-3 found where rows 0-1 are. Second: found one place off in K."""
    prediction = labelled((10, 10, 10), one=np.s_[0:4, 0, 0], two=np.s_[8, 8, 5:7])
    reference = labelled((10, 10, 10), one=np.s_[0:2, 0, 0], two=np.s_[8, 8, 4:6])
    scores = score_exam(prediction, reference, SHOULDER, exam="e")
    assert values(scores, FIRST) == pytest.approx({
        "dice": 4 / 6, "sensitivity": 1, "specificity": 996 / 998,
        # 0, 0, 1, 2 mm there; 0, 0 back; percentile at rank 2.85
        "assd_mm": 3 / 6, "mssd_mm": 2, "ravd": 1, "hd95_mm": 1.85, "surface_dice_1mm": 5 / 6,
        "volume_ml": 0.024, "reference_volume_ml": 0.012,
    })  # fmt: skip
    assert values(scores, SECOND) == pytest.approx({
        "dice": 2 / 4, "sensitivity": 1 / 2, "specificity": 997 / 998,
        "assd_mm": 6 / 4, "mssd_mm": 3, "ravd": 0, "hd95_mm": 2.85, "surface_dice_1mm": 2 / 4,
        "volume_ml": 0.012, "reference_volume_ml": 0.012,
    })  # fmt: skip
    assert values(scores, "all") == pytest.approx({
        "dice": 6 / 10, "sensitivity": 3 / 4, "specificity": 993 / 996,
        # 0, 0, 0, 1, 2, 3 there, rank 4.75; 0, 0, 0, 3 back, rank 2.85
        "assd_mm": 9 / 10, "mssd_mm": 3, "ravd": 2 / 4, "hd95_mm": 2.75, "surface_dice_1mm": 7 / 10,
        "volume_ml": 0.036, "reference_volume_ml": 0.024,
    })  # fmt: skip


def test_the_union_sees_no_bound_between_bones() -> None:
    """Two touching bones with their labels exchanged: each is wrong, their union is exact."""
    prediction = labelled((4, 4, 4), one=np.s_[:2], two=np.s_[2:])
    reference = labelled((4, 4, 4), one=np.s_[2:], two=np.s_[:2])
    scores = score_exam(prediction, reference, SHOULDER, exam="e")
    assert values(scores, FIRST)["dice"] == 0
    assert [values(scores, "all")[m] for m in ("dice", "sensitivity", "mssd_mm", "ravd")] == [1, 1, 0, 0]


@pytest.mark.parametrize(("tolerance", "name"), [(2.0, "surface_dice_2mm"), (0.5, "surface_dice_0.5mm")])
def test_the_tolerance_is_in_the_name(tolerance: float, name: str) -> None:
    """At 0, 0, 1, 2 mm there and 0, 0 back."""
    prediction, reference = labelled((9, 4, 4), one=np.s_[0:4, 0, 0]), labelled((9, 4, 4), one=np.s_[0:2, 0, 0])
    scores = values(score_exam(prediction, reference, SHOULDER, exam="e", tolerance_mm=tolerance), FIRST)
    assert scores[name] == pytest.approx({2.0: 1, 0.5: 4 / 6}[tolerance])
    assert "surface_dice_1mm" not in scores


# 3 x 2 x 3 voxels of 1 x 2 x 3 mm, the bone has two of them; the grid's diagonal is the root of 2² + 2² + 6².
LAMBDA = math.sqrt(44)
BONE = labelled((3, 2, 3), one=np.s_[1, :, 1])
NOTHING = labelled((3, 2, 3))
EMPTY = {
    "both": (NOTHING, NOTHING, (NAN, NAN, 1, NAN, NAN, NAN, NAN, NAN, 0, 0)),
    "prediction": (NOTHING, BONE, (0, 0, 1, LAMBDA, LAMBDA, 1, LAMBDA, 0, 0, 0.012)),
    "reference": (BONE, NOTHING, (0, NAN, 16 / 18, LAMBDA, LAMBDA, 1, LAMBDA, 0, 0.012, 0)),
}


@pytest.mark.parametrize(("prediction", "reference", "expected"), EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("structure", [FIRST, "all"])
def test_empty_masks_have_their_answers(
    prediction: Volume, reference: Volume, expected: tuple[float, ...], structure: str
) -> None:
    scores = values(score_exam(prediction, reference, SHOULDER, exam="e"), structure)
    assert scores == pytest.approx(dict(zip(METRICS, expected, strict=True)), nan_ok=True)


def test_a_structure_that_fills_the_grid_has_no_specificity() -> None:
    full = labelled((2, 2, 2), one=np.s_[:])
    scores = score_exam(full, full, SHOULDER, exam="e")
    assert math.isnan(values(scores, FIRST)["specificity"])
    assert values(scores, SECOND)["specificity"] == 1


def test_a_domain_of_the_union_alone_has_its_rows_once() -> None:
    exam = labelled((3, 3, 3), one=np.s_[:1])
    union = SHOULDER.union
    assert [(s.structure, s.metric) for s in score_exam(exam, exam, union, exam="e")] == [("all", m) for m in METRICS]
    assert [(s.structure, s.value) for s in measure_exam(exam, union, exam="e")] == [("all", 0.054)]
    slices = score_slices(exam, exam, union, exam="e", axis=0)
    assert [(s.structure, s.slice, s.metric) for s in slices] == [("all", 0, m) for m in METRICS[:3]]


def test_voxel_order_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    prediction, reference = (volume(rng.integers(0, 3, size=(6, 5, 4))) for _ in range(2))
    expected = score_exam(prediction, reference, SHOULDER, exam="e")
    turn = np.diag([-1.0, 1, 1, 1])
    turn[0, 3] = 5
    flipped = [Volume(v.array[::-1], v.affine @ turn) for v in (prediction, reference)]
    exchanged = [
        Volume(np.asfortranarray(v.array.transpose(2, 0, 1)), v.affine[:, [2, 0, 1, 3]])
        for v in (prediction, reference)
    ]
    for pair in (flipped, exchanged):
        scores = score_exam(*pair, SHOULDER, exam="e")
        assert [s.value for s in scores] == pytest.approx([s.value for s in expected])


@pytest.mark.parametrize("score", [score_exam, lambda *pair, exam: score_slices(*pair, exam=exam, axis=0)])
def test_two_grids_are_refused(score: Callable[..., object]) -> None:
    exam = labelled((3, 3, 3), one=np.s_[:1])
    moved = Volume(exam.array, np.diag([1.0, 2.0, 3.2, 1.0]))
    with pytest.raises(GeometryError, match=r"PS-A69.*e9: .*corners 0\.40 mm apart"):
        score(moved, exam, SHOULDER, exam="e9")
    with pytest.raises(GeometryError, match=r"grid \(\(3, 3, 3\), \(3, 3, 2\)\): resample it"):
        score(exam, volume(exam.array[:, :, :2]), SHOULDER, exam="e9")


def test_labels_of_another_domain_are_refused() -> None:
    exam = labelled((3, 3, 3), one=np.s_[:1])
    with pytest.raises(ValueError, match=r"0\.\.2"):
        score_exam(exam.with_array(exam.array * 3), exam, SHOULDER, exam="e")


def naive_slices(prediction: Volume, reference: Volume, domain: Domain, axis: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for i in range(prediction.shape[axis]):
        p, q = prediction.array.take(i, axis), reference.array.take(i, axis)
        if not q.any():
            continue
        pairs = {name: (p == label, q == label) for name, label in domain.labels.items()} | {"all": (p > 0, q > 0)}
        for name, (a, b) in pairs.items():
            both, neither = (a & b).sum(), (~a & ~b).sum()
            rows.append((i, name, "dice", 2 * both / (a.sum() + b.sum()) if a.any() or b.any() else NAN))
            rows.append((i, name, "sensitivity", both / b.sum() if b.any() else NAN))
            rows.append((i, name, "specificity", neither / (~b).sum() if not b.all() else NAN))
    return rows


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_equal_a_loop_over_slices(axis: int) -> None:
    """Some slices without a structure, some that one fills, some that only the prediction has."""
    rng = np.random.default_rng(3)
    prediction, reference = (rng.integers(0, 3, size=(7, 8, 9)) for _ in range(2))
    for number, (ours, theirs) in enumerate([(0, 0), (2, 0), (0, 1), (1, 1), (2, 1)]):
        place = tuple(number if i == axis else slice(None) for i in range(3))
        prediction[place], reference[place] = ours, theirs
    pair = volume(prediction), volume(reference)
    scores = score_slices(*pair, SHOULDER, exam="e", axis=axis)
    expected = naive_slices(*pair, SHOULDER, axis)
    assert [(s.slice, s.structure, s.metric) for s in scores] == [row[:3] for row in expected]
    assert [s.value for s in scores] == pytest.approx([row[3] for row in expected], nan_ok=True)
    assert min(s.slice for s in scores) == 2
    assert {type(s) for s in scores} == {SliceScore}


def test_an_exam_without_any_structure_has_no_slices() -> None:
    assert score_slices(BONE, NOTHING, SHOULDER, exam="e", axis=2) == ()


def test_volumes_alone_in_ml() -> None:
    """Voxels of 6 mm3: 9 and 18 of them."""
    exam = labelled((3, 3, 3), one=np.s_[:1], two=np.s_[1:])
    scores = measure_exam(exam, SHOULDER, exam="e")
    assert [(s.structure, s.metric, s.unit) for s in scores] == [
        (structure, "volume_ml", "ml") for structure in (FIRST, SECOND, "all")
    ]
    assert [s.value for s in scores] == pytest.approx([0.054, 0.108, 0.162])
    assert [s.value for s in measure_exam(NOTHING, SHOULDER, exam="e")] == [0, 0, 0]
