from __future__ import annotations

from typing import Any

import pytest

from pedseg.errors import GeometryError, InputError
from pedseg.plan.fingerprint import ExamFacts, StructureFacts
from pedseg_plan.check import faulty, find_faults
from pedseg_plan.measure import Measured

GREY = {"mean": 1, "std": 1, "p00_5": 0, "p50": 1, "p99_5": 2}


def facts(content: str = "c", **changes: Any) -> ExamFacts:
    values = {
        "patient": "anna",
        "side": "",
        "source": "s",
        "content": content,
        "shape": (9, 9, 100),
        "spacing_mm": (1, 1, 2),
        "slice_axis": 2,
        "plane": "axial",
        "axis_for": {"axial": 2, "coronal": 2, "sagittal": 2},
        "slices_with_bone": (5, 5, 60),
        "gaps": (0, 0, 0),
        "gap_runs": (0, 0, 0),
        "inside": GREY,
        "outside": GREY,
        "structures": {"talus": StructureFacts(volume_ml=1, components_mm3=(1000,), n_components=1)},
        "missing": (),
        **changes,
    }
    return ExamFacts.model_validate(values)


def codes(*exams: ExamFacts, **options: Any) -> list[str]:
    return [f.code for f in find_faults([Measured("ankle", f"c{i}", e, ()) for i, e in enumerate(exams)], **options)]


def test_a_sound_dataset_has_no_findings():
    assert codes(facts("a"), facts("b")) == []


def test_a_missing_structure_and_components_warn_with_volumes():
    parts = StructureFacts(volume_ml=1, components_mm3=(12990.4, 9.6), n_components=2)
    exam = Measured("ankle", "c0", facts(missing=("tibia_distal",), structures={"talus": parts}), ())
    missing, components = find_faults([exam])
    assert (missing.code, missing.what) == ("PS-W74", "tibia_distal declared absent")
    assert (components.code, components.what) == ("PS-W75", "talus has 2 components (12990, 9.6 mm3)")
    assert not faulty([missing, components])


@pytest.mark.parametrize(
    ("gaps", "runs", "code"),
    [(1, 1, "PS-W76"), (15, 15, "PS-W76"), (16, 16, "PS-A76"), (50, 1, "PS-W76")],
)
def test_gaps_between_labelled_slices(gaps, runs, code):
    """60 slices are labelled: 15 of 75 are a fifth, 16 of 76 are more; one long gap is two limbs."""
    assert codes(facts(gaps=(0, 0, gaps), gap_runs=(0, 0, runs))) == [code]


def test_gaps_may_be_accepted_and_count_along_the_acquired_axis_only():
    sparse = facts(gaps=(0, 0, 40), gap_runs=(0, 0, 40))
    assert codes(sparse, allow_gaps=True) == ["PS-W76"]
    assert codes(facts(gaps=(3, 3, 0), gap_runs=(2, 2, 0))) == []
    assert codes(facts(slice_axis=None, plane=None, gaps=(3, 0, 0), gap_runs=(2, 0, 0))) == ["PS-A76"]


def test_one_image_under_two_names_is_an_error_of_the_second():
    (found,) = find_faults([Measured("ankle", "a", facts("x"), ()), Measured("knee", "b", facts("x"), ())])
    assert (found.domain, found.case, found.code) == ("knee", "b", "PS-A81")
    assert found.what == "the same image as ankle/a"


def test_errors_become_findings_with_what_and_advice():
    faults = (
        GeometryError("PS-A69", "c1: labels are not on the grid (corners 2.00 mm apart): resample them"),
        InputError("PS-A66", "3 of 10 voxels are NaN or infinite: repair the image"),
    )
    found = find_faults([Measured("ankle", "c1", None, faults)])
    assert {(f.code, f.what, f.advice) for f in found} == {
        ("PS-A69", "labels are not on the grid (corners 2.00 mm apart)", "resample them"),
        ("PS-A66", "3 of 10 voxels are NaN or infinite", "repair the image"),
    }
    assert faulty(found) == {("ankle", "c1")}


def test_findings_keep_the_order_of_exams_errors_first():
    broken = InputError("PS-A73", "b: no label file: add one")
    exams = [
        Measured("knee", "z", facts("1", missing=("patella",)), ()),
        Measured("ankle", "b", None, (broken,)),
        Measured("ankle", "c", facts("1", missing=("talus",)), ()),
    ]
    found = [(f.case, f.code) for f in find_faults(exams)]
    assert found == [("z", "PS-W74"), ("b", "PS-A73"), ("c", "PS-A81"), ("c", "PS-W74")]
