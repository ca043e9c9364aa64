"""Planning on exams as scanners give them: phantoms as DICOM, and real ones where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pedseg.errors import InputError
from pedseg.plan.fingerprint import load_fingerprint
from pedseg_phantom import PhantomOptions, pedseg_phantom
from pedseg_plan import pedseg_plan

DATA = Path(__file__).parents[3] / "shared" / "data"
MUSCLES = range(13, 27)


def test_phantoms_as_dicom(tmp_path: Path):
    pedseg_phantom(["ankle", "knee"], 2, tmp_path / "raw", options=PhantomOptions(matrix=48, jobs=1))
    plan = pedseg_plan(["ankle", "knee"], tmp_path)
    facts = load_fingerprint(tmp_path / "plans" / "default" / "fingerprint.json")
    # Fields of view of METHODS, section 1: 161 and 320 mm over 256 pixels, rounded up.
    assert plan.domain_plan("ankle").spacing_mm == pytest.approx(161 / 256, abs=2e-4)
    assert plan.domain_plan("knee").spacing_mm == pytest.approx(320 / 256, abs=2e-4)
    for domain in ("ankle", "knee"):
        exams = facts.domains[domain].exams
        said = {name: json.loads((tmp_path / "raw" / domain / name / "case.json").read_text()) for name in exams}
        assert {n: (e.patient, e.side) for n, e in exams.items()} == {
            n: (s["patient"], s["side"]) for n, s in said.items()
        }
        assert all(e.missing == () and e.slice_axis == 2 for e in exams.values())
    knee = facts.domains["knee"].summary.volume_ml
    assert knee["femur_distal"].median > knee["patella"].median > 1


@pytest.mark.skipif(not (DATA / "legs_mr_dixon").is_dir(), reason="needs the real legs")
def test_real_legs_as_a_domain_of_the_users_own(tmp_path: Path):
    folder = tmp_path / "raw" / "calf" / "legs"
    folder.mkdir(parents=True)
    (folder / "image.nii.gz").symlink_to(DATA / "legs_mr_dixon" / "twoLegs.nii.gz")
    (folder / "labels.nii.gz").symlink_to(DATA / "legs_mr_dixon" / "labels.nii.gz")
    structures = [f'  - {{name: muscle_{v}, color: "#aa00{v}", source_value: {v}}}' for v in MUSCLES]
    (tmp_path / "raw" / "calf" / "domain.yaml").write_text("\n".join(["name: calf", "structures:", *structures]))
    plan = pedseg_plan(["calf"], tmp_path)
    facts = load_fingerprint(tmp_path / "plans" / "default" / "fingerprint.json").domains["calf"].exams["legs"]
    # 160 x 160 x 25 voxels of 3 x 3 x 6 mm: 480 mm over 256 pixels.
    assert (plan.domains[0].plane, plan.domains[0].spacing_mm) == ("axial", 1.875)
    assert (plan.objective.name, len(plan.folds)) == ("ce", 1)
    assert set(facts.structures) == {f"muscle_{v}" for v in MUSCLES}
    # Between the two legs no muscle is labelled: one run, so no reason to refuse.
    assert facts.gap_runs == (1, 0, 0)


@pytest.mark.skipif(not (DATA / "knee_mr_ge_8echo_bigendian").is_dir(), reason="needs the real knee")
def test_real_echoes_are_listed_until_case_json_chooses_one(tmp_path: Path):
    folder = tmp_path / "raw" / "knee" / "ge"
    folder.mkdir(parents=True)
    (folder / "dicom").symlink_to(DATA / "knee_mr_ge_8echo_bigendian")
    with pytest.raises(InputError, match=r"(?s)PS-A122.*PS-A25.*8 echoes.*\"echo\" in\s+its case.*PS-A73"):
        pedseg_plan(["knee"], tmp_path)
    (folder / "case.json").write_text('{"echo": 1}')
    with pytest.raises(InputError) as refused:
        pedseg_plan(["knee"], tmp_path)
    assert "PS-A25" not in str(refused.value)
