from __future__ import annotations

import pytest

from pedseg.errors import UsageError
from pedseg.storage.splits import everything, k_fold, leave_one_out


def alone(n: int) -> dict[str, str]:
    """n exams of n patients."""
    return {f"c{i}": f"p{i}" for i in range(n)}


def test_leave_one_out_tests_exam_i_and_validates_on_the_next():
    folds = leave_one_out({"ankle": alone(4)})
    assert [f.test["ankle"] for f in folds] == [("c0",), ("c1",), ("c2",), ("c3",)]
    assert [f.validation["ankle"] for f in folds] == [("c1",), ("c2",), ("c3",), ("c0",)]
    assert [f.train["ankle"] for f in folds] == [("c2", "c3"), ("c0", "c3"), ("c0", "c1"), ("c1", "c2")]


def test_leave_one_out_has_as_many_folds_as_the_smallest_domain():
    folds = leave_one_out({"ankle": alone(5), "knee": alone(3)})
    assert len(folds) == 3
    assert folds[2].test == {"ankle": ("c2",), "knee": ("c2",)}
    assert folds[2].validation == {"ankle": ("c3",), "knee": ("c0",)}
    assert folds[2].train["ankle"] == ("c0", "c1", "c4")


def test_exams_of_one_patient_stay_together():
    members = {"a_left": "anna", "a_right": "anna", "b": "ben", "c": "cleo"}
    first, *_ = leave_one_out({"knee": members})
    assert first.test["knee"] == ("a_left", "a_right")
    assert first.validation["knee"] == ("b",)
    for fold in k_fold({"knee": members}, 3):
        parts = [{members[c] for c in part["knee"]} for part in (fold.test, fold.validation, fold.train)]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]


def test_two_patients_train_on_the_one_that_is_not_tested_and_validate_on_it():
    first, second = leave_one_out({"ankle": alone(2)})
    assert (first.test["ankle"], first.validation["ankle"], first.train["ankle"]) == (("c0",), ("c1",), ("c1",))
    assert (second.test["ankle"], second.validation["ankle"], second.train["ankle"]) == (("c1",), ("c0",), ("c0",))


def test_a_single_patient_trains_and_validates_and_is_not_tested():
    (only,) = leave_one_out({"calf": alone(1)})
    assert (only.test["calf"], only.validation["calf"], only.train["calf"]) == ((), ("c0",), ("c0",))


def test_k_fold_tests_every_patient_once():
    folds = k_fold({"ankle": alone(7)}, 3)
    assert [f.test["ankle"] for f in folds] == [("c0", "c3", "c6"), ("c1", "c4"), ("c2", "c5")]
    # After 6 comes 0, which is tested in fold 0 itself: the first that is not is 1.
    assert [f.validation["ankle"] for f in folds] == [("c1",), ("c5",), ("c6",)]
    for fold in folds:
        everyone = fold.test["ankle"] + fold.validation["ankle"] + fold.train["ankle"]
        assert sorted(everyone) == [f"c{i}" for i in range(7)]


def test_more_folds_than_patients_is_refused_and_names_the_domain():
    with pytest.raises(UsageError, match="PS-A89: 4 folds asked, knee has 3 patients: ask for at most 3"):
        k_fold({"ankle": alone(9), "knee": {**alone(3), "c0b": "p0"}}, 4)


def test_everything_trains_on_all():
    fold = everything({"ankle": alone(3)})
    assert fold.train["ankle"] == ("c0", "c1", "c2")
    assert fold.validation["ankle"] == ("c0",)
    assert fold.test == {}
