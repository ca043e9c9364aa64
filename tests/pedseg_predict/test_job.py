"""The predicting job: masks on the exam's own grid, or one line that says why not, and nothing half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny import copied, make_exam, reseal, write_dicom

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.evaluation.overlap import dice
from pedseg.inference import checkpoint
from pedseg.inference.checkpoint import load_network
from pedseg.plan import Plan, load_plan
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg_predict.__main__ import main
from pedseg_predict.job import choose_domain

FILES = {"labels.nii.gz", "prediction.json", "preview.png"}
SECRET = ("Doe^Jane", "19990101", "SECRETID", "St Elsewhere")


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    """An unseen knee as NIfTI."""
    image, _ = make_exam(load_domains(["knee"])[0], 700)
    path = tmp_path / "in" / "exam.nii.gz"
    path.parent.mkdir()
    write_nifti(image, path)
    return path


def predict(exam: Path, out: Path, run: Path, *more: str) -> int:
    return main(["-i", str(exam), "-o", str(out), "-m", str(run), "--device", "cpu", *more])


def one_line(err: str, code: str) -> None:
    """An error is one line that starts with the command and the code, and no traceback."""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith(f"pedseg_predict: {code}: ")


def test_a_nifti_exam_gets_labels_facts_and_a_picture(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert predict(exam, out, tiny_run, "-d", "knee") == 0
    assert {p.name for p in out.iterdir()} == FILES
    image, labels = nib.load(exam), nib.load(out / "labels.nii.gz")
    np.testing.assert_allclose(labels.affine, image.affine, atol=1e-4)
    array = np.asarray(labels.dataobj)
    assert (array.dtype, array.shape) == (np.uint8, image.shape)
    _, reference = make_exam(load_domains(["knee"])[0], 700)
    assert dice(array, reference.array, 5).mean() > 0.5

    record = json.loads((out / "prediction.json").read_text("utf-8"))
    plan = load_plan(tiny_run / "fold_0/configs/plan.json")
    assert (record["schema"], record["domain"], record["model"]["plan"]) == (1, "knee", plan.digest)
    voxel_ml = 2.0 * 2.0 * 4.0 / 1000
    for name, size in record["structures"].items():
        assert size["voxels"] == int((array == plan.domain_plan("knee").domain.labels[name]).sum())
        assert size["volume_ml"] == pytest.approx(size["voxels"] * voxel_ml, abs=6e-4)
    assert set(record["seconds"]) == {"read", "load", "prepare", "network", "restore", "judge"}
    assert set(record["versions"]) == {"pedseg", "python", "torch", "numpy"}
    said = capsys.readouterr()
    assert "femur_distal" in said.out
    assert said.err == ""


def test_a_dicom_exam_gets_the_same_labels_and_gives_away_no_name(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, _ = make_exam(load_domains(["shoulder"])[0], 701)
    write_nifti(image, tmp_path / "exam.nii.gz")
    name, birth, number, place = SECRET
    tags = {"PatientName": name, "PatientBirthDate": birth, "PatientID": number, "InstitutionName": place}
    write_dicom(image, tmp_path / "study" / "a", BodyPartExamined="SHOULDER", **tags)
    assert predict(tmp_path / "exam.nii.gz", tmp_path / "one", tiny_run, "-d", "shoulder") == 0
    assert predict(tmp_path / "study", tmp_path / "two", tiny_run) == 0  # Body Part Examined tells the domain
    labels = [nib.load(tmp_path / n / "labels.nii.gz") for n in ("one", "two")]
    np.testing.assert_array_equal(*(np.asarray(v.dataobj) for v in labels))
    np.testing.assert_allclose(labels[0].affine, labels[1].affine, atol=1e-4)
    np.testing.assert_allclose(labels[1].affine, image.affine, atol=1e-4)
    said = capsys.readouterr()
    written = (tmp_path / "two/prediction.json").read_text("utf-8") + said.out + said.err
    written += (tmp_path / "two/preview.png").read_bytes().decode("latin-1") + str(labels[1].header)
    assert {p.name for p in (tmp_path / "two").iterdir()} == FILES
    for word in (*SECRET, "Doe", "Jane", "Elsewhere"):
        assert word not in written


def test_two_runs_write_equal_bytes(tiny_run: Path, exam: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert predict(exam, tmp_path / name, tiny_run, "-d", "knee", "-q") == 0
    for file in ("labels.nii.gz", "preview.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    one, two = (json.loads((tmp_path / n / "prediction.json").read_text("utf-8")) for n in ("one", "two"))
    assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in two.items() if k != "seconds"}


def test_the_model_of_the_workspace_is_found(tiny_run: Path, exam: Path, tmp_path: Path) -> None:
    root = tiny_run.parents[2]
    assert main(["-i", str(exam), "-o", str(tmp_path / "out"), "-w", str(root), "-d", "knee", "--device", "cpu"]) == 0


def test_what_is_not_there_or_unknown_is_refused(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for arguments, status, code in (
        ((tmp_path / "nowhere", out, tiny_run), 2, "PS-A03"),
        ((exam, out, tmp_path / "no-model"), 2, "PS-A125"),
        ((exam, out, tmp_path), 5, "PS-A123"),
        ((exam, out, tiny_run), 2, "PS-A120"),  # which joint?
        ((exam, out, tiny_run, "-d", "hip"), 2, "PS-A100"),
        ((exam.parent, out, tiny_run, "-d", "hip"), 2, "PS-A100"),
        ((exam, out, tiny_run, "-d", "knee", "--echo", "1"), 2, "PS-A120"),
    ):
        assert predict(*arguments) == status
        one_line(capsys.readouterr().err.splitlines()[-1], code)
        assert not out.exists()


def test_a_damaged_model_is_refused(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(tiny_run, tmp_path)
    weights = run / "fold_0/models/model.pt"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert predict(exam, tmp_path / "out", run, "-d", "knee") == 5
    one_line(capsys.readouterr().err, "PS-A86")
    torch.save({"x": Path("y")}, weights)
    reseal(run / "fold_0")
    assert predict(exam, tmp_path / "out", run, "-d", "knee") == 5
    one_line(capsys.readouterr().err, "PS-A98")
    assert not (tmp_path / "out").exists()


def test_a_fold_folder_is_data_its_yaml_is_never_read(tiny_run: Path, exam: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path)
    trap = tmp_path / "sprung"
    code = f"imports: [\"$__import__('pathlib').Path({str(trap)!r}).touch()\"]"
    for name in ("inference.yaml", "train.yaml"):
        (run / f"fold_0/configs/{name}").write_text(code, "utf-8")
    reseal(run / "fold_0")
    assert predict(exam, tmp_path / "out", run, "-d", "knee", "-q") == 0
    assert not trap.exists()


def test_each_folder_of_dicom_gives_masks_of_its_name_from_networks_read_once(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, name in enumerate(("first", "second")):
        image, _ = make_exam(load_domains(["knee"])[0], 700 + n)
        write_dicom(image, tmp_path / "in" / name)
    out, read = tmp_path / "out", []
    monkeypatch.setattr(checkpoint, "load_network", lambda *a: read.append(a) or load_network(*a))
    assert predict(tmp_path / "in", out, tiny_run, "-d", "knee", "--each", "-q") == 0
    assert {p.name for p in out.iterdir()} == {"first", "second"}
    assert len(read) == len(list(tiny_run.glob("fold_*")))
    assert predict(tmp_path / "in" / "second", tmp_path / "alone", tiny_run, "-d", "knee", "-q") == 0
    alone, both = (nib.load(p / "labels.nii.gz").get_fdata() for p in (tmp_path / "alone", out / "second"))
    np.testing.assert_array_equal(alone, both)


def test_flags_that_are_wrong_for_all_exams_stop_at_the_first(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Image files do not tell the joint."""
    shutil.copyfile(exam, exam.with_name("other.nii.gz"))
    assert predict(exam.parent, tmp_path / "out", tiny_run) == 2
    one_line(capsys.readouterr().err, "PS-A120")
    assert not (tmp_path / "out").exists()


def test_only_bad_exams_give_the_exit_code_of_the_first(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        exam.with_name(name).write_bytes(exam.read_bytes()[:200])
    exam.unlink()
    assert predict(tmp_path / "in", tmp_path / "out", tiny_run, "-d", "knee") == 3
    assert "pedseg_predict: PS-A80: " in capsys.readouterr().err
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"failed.json"}


def test_nothing_found_is_written_with_a_warning(
    tiny_run: Path, exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(tiny_run, tmp_path)
    path = run / "fold_0/models/model.pt"
    state = torch.load(path, weights_only=True)
    (bias,) = [v for k, v in state.items() if k.endswith("convs.1.bias") and len(v) == 5]
    bias[1:] = -100
    torch.save(state, path)
    reseal(run / "fold_0")
    assert predict(exam, tmp_path / "out", run, "-d", "knee") == 0
    assert "warning: PS-W112" in capsys.readouterr().err
    record = json.loads((tmp_path / "out/prediction.json").read_text("utf-8"))
    assert [w["code"] for w in record["warnings"]] == ["PS-W112"]
    assert len(record["structures"]) == 4
    assert not np.asarray(nib.load(tmp_path / "out/labels.nii.gz").dataobj).any()


def test_a_domain_is_told_by_the_flag_the_model_or_the_exam(tiny_run: Path) -> None:
    plan = load_plan(tiny_run / "fold_0/configs/plan.json")
    array, affine = np.zeros((4, 4, 4), np.int16), np.eye(4)
    knee = Volume(array, affine, facts={"body_part": "knee"})
    assert choose_domain(plan, None, knee) == "knee"
    assert choose_domain(plan, None, Volume(array, affine, facts={"body_part": "FOOT"})) == "ankle"
    assert choose_domain(plan, "shoulder", knee) == "shoulder"
    with pytest.raises(UsageError, match=r"PS-A100: unknown domain 'hip'; the model knows ankle, knee, shoulder"):
        choose_domain(plan, "hip", knee)
    with pytest.raises(UsageError, match=r"PS-A120: which of .*Body Part Examined is 'HEAD': say so with -d"):
        choose_domain(plan, None, Volume(array, affine, facts={"body_part": "HEAD"}))
    part = {"domains": [plan.domains[2]], "objective": {"name": "ce"}}
    alone = Plan.model_validate({**plan.model_dump(by_alias=True), **part})
    assert choose_domain(alone, None, knee) == "shoulder"
