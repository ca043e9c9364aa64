from __future__ import annotations

import json
from pathlib import Path

import pytest

from pedseg.errors import UsageError
from pedseg.plan.fingerprint import (
    DomainFacts,
    DomainSummary,
    ExamFacts,
    Fingerprint,
    Intensity,
    Spread,
    load_fingerprint,
    save_fingerprint,
)

GREY = Intensity(mean=1, std=1, p00_5=0, p50=1, p99_5=2)
ONE = Spread(min=1, median=1, max=1)


def exam(**changes: object) -> ExamFacts:
    values = {
        "patient": "anna",
        "side": "left",
        "source": "s",
        "content": "c",
        "shape": (100, 200, 30),
        "spacing_mm": (0.5, 0.4, 2.0),
        "slice_axis": 2,
        "plane": "coronal",
        "axis_for": {"axial": 2, "coronal": 2, "sagittal": 2},
        "slices_with_bone": (10, 10, 10),
        "gaps": (0, 0, 0),
        "gap_runs": (0, 0, 0),
        "inside": GREY,
        "outside": GREY,
        "structures": {},
        "missing": (),
        **changes,
    }
    return ExamFacts.model_validate(values)


def dataset(facts: ExamFacts) -> Fingerprint:
    summary = DomainSummary(
        exams=1,
        patients=1,
        planes={"coronal": 1},
        sides={"left": 1},
        spacing_mm=(ONE, ONE, ONE),
        size_mm=(ONE, ONE, ONE),
        fov_mm=ONE,
        slices=ONE,
        slices_with_bone=ONE,
        inside_mean=ONE,
        outside_mean=ONE,
        volume_ml={},
    )
    return Fingerprint(domains={"ankle": DomainFacts(labels="l", exams={"a": facts}, summary=summary)})


def test_field_of_view_is_the_larger_in_plane_side():
    assert exam().size_mm == (50.0, 80.0, 60.0)
    assert exam().fov_mm("coronal") == 80
    assert exam(axis_for={"axial": 1, "coronal": 0, "sagittal": 2}).fov_mm("axial") == 60
    assert exam(axis_for={"axial": 1, "coronal": 0, "sagittal": 2}).n_slices("coronal") == 100


def test_facts_come_back_as_they_were(tmp_path: Path):
    facts = dataset(exam())
    save_fingerprint(facts, tmp_path / "fingerprint.json")
    assert load_fingerprint(tmp_path / "fingerprint.json") == facts


def test_times_of_files_are_no_facts():
    assert dataset(exam()).digest == dataset(exam(source="touched")).digest
    assert dataset(exam()).digest != dataset(exam(content="other")).digest


def test_facts_are_not_edited(tmp_path: Path):
    path = tmp_path / "fingerprint.json"
    save_fingerprint(dataset(exam()), path)
    values = json.loads(path.read_text())
    values["domains"]["ankle"]["exams"]["a"]["shape"] = [1, 1, 1]
    path.write_text(json.dumps(values))
    with pytest.raises(UsageError, match=r"PS-A96: fingerprint\.json was changed"):
        load_fingerprint(path)
