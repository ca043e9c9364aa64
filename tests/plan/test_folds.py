"""No patient on two sides of a fold."""

from __future__ import annotations

import pytest

from pedseg.plan.folds import Fold, shared_patient

Names = tuple[str, ...]
PATIENTS = {"ankle": {"a1": "anna", "a2": "anna", "b1": "ben"}}


@pytest.mark.parametrize(
    ("test", "validation", "train", "says"),
    [
        (("b1",), (), ("a1", "a2"), ""),
        (("a1",), ("b1",), ("a2",), "ankle/a2 (train) and ankle/a1 (test)"),
        (("b1",), ("a2",), ("a1",), "ankle/a1 (train) and ankle/a2 (validation)"),
        (("a1",), ("a2",), ("b1",), "ankle/a2 (validation) and ankle/a1 (test)"),
        ((), ("a1",), ("a1", "a2"), ""),
        (("x",), ("y",), ("z",), ""),
    ],
    ids=["apart", "test", "validation", "both", "stands-in", "unknown"],
)
def test_exams_of_one_patient(test: Names, validation: Names, train: Names, says: str) -> None:
    fold = Fold(test={"ankle": test}, validation={"ankle": validation}, train={"ankle": train})
    text = shared_patient([Fold(train={}), fold], PATIENTS)
    assert text == (f"fold 1: {says} are of one patient: keep them on one side" if says else "")


def test_another_joint_is_another_patient_list() -> None:
    assert not shared_patient([Fold(test={"knee": ("a1",)}, train={"ankle": ("a1",)})], PATIENTS)
