"""The command: what it writes and how it refuses."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pedseg_phantom.__main__ import main


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


def test_a_cohort_is_written_as_the_workspace_expects(tmp_path: Path) -> None:
    arguments = ["-d", "ankle", "knee", "-n", "2", "-w", str(tmp_path), "--matrix", "32", "-j", "1", "-q"]
    assert main(arguments) == 0
    cases = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "raw").glob("*/*"))
    assert cases == [f"raw/{d}/{d}_{i:03d}" for d in ("ankle", "knee") for i in (0, 1)]
    for case in cases:
        assert sorted(p.name for p in (tmp_path / case).iterdir()) == ["case.json", "dicom", "labels.nii.gz"]


def test_existing_cases_are_refused_before_anything_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["-d", "ankle", "-n", "1", "-o", str(tmp_path), "--matrix", "32", "-j", "1", "-q"]
    assert main(arguments) == 0
    before = _digests(tmp_path)
    arguments[3] = "2"
    assert main(arguments) == 6
    assert "PS-A104: 1 of 2 cases exist, such as ankle_000" in capsys.readouterr().err
    assert _digests(tmp_path) == before
    assert main([*arguments, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-d", "hip"], "no phantom of domain 'hip': choose from ankle, knee, shoulder"),
        (["-d", "ankle", "--matrix", "8"], "a matrix of at least 32 is needed, got 8"),
        (["-d", "ankle", "--start", "-1"], "from index 0 on"),
    ],
)
def test_wrong_wishes_are_one_line_and_exit_2(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "-n", "1", "-o", str(tmp_path / "out"), "-j", "1"]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_answers_at_once() -> None:
    took = []
    for _ in range(3):
        start = time.perf_counter()
        text = subprocess.run(
            [sys.executable, "-m", "pedseg_phantom", "--help"], check=True, capture_output=True, text=True
        ).stdout
        took.append(time.perf_counter() - start)
    assert "--matrix" in text
    assert min(took) < 0.5
