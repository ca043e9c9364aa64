"""Neither processes nor neighbours change a patient."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pedseg.errors import InputError, OutputError, UsageError
from pedseg.workers import Failure
from pedseg_phantom import PhantomOptions, cohort, pedseg_phantom


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


def test_processes_and_neighbours_do_not_change_a_patient(tmp_path: Path) -> None:
    many = PhantomOptions(seed=4, matrix=32, jobs=2)
    alone = PhantomOptions(seed=4, matrix=32, jobs=1, start=2)
    pedseg_phantom(["ankle", "shoulder"], 3, tmp_path / "many", options=many)
    (folder,) = pedseg_phantom(["shoulder"], 1, tmp_path / "alone", options=alone)
    assert folder == tmp_path / "alone" / "shoulder" / "shoulder_002"
    assert _digests(folder) == _digests(tmp_path / "many" / "shoulder" / "shoulder_002")


def test_where_a_process_crashed_is_said_before_the_cohort_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crashed(_: object, works: Sequence[cohort.Work], *, jobs: int) -> Iterator[tuple[cohort.Work, Failure]]:
        yield works[0], Failure(works[0].key, InputError("PS-A128", f"{jobs} crashed"), "Traceback: a.py")

    monkeypatch.setattr(cohort, "run_tasks", crashed)
    with pytest.raises(InputError, match="PS-A128: 1 crashed"):
        pedseg_phantom(["ankle"], 1, tmp_path, options=PhantomOptions(matrix=32, jobs=1))
    assert caplog.messages[-1] == "ankle/ankle_000: PS-A128: 1 crashed\nTraceback: a.py"


def test_no_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 patient"):
        pedseg_phantom(["ankle"], 0, tmp_path)


@pytest.mark.parametrize("case", [None, "{", "[1]", '{"schema": 1, "seed": 0, "name": "ankle_000", "patient": "P7"}'])
def test_an_exam_that_is_no_phantom_is_never_replaced(tmp_path: Path, case: str | None) -> None:
    (real := tmp_path / "ankle" / "ankle_000").mkdir(parents=True)
    (real / "labels.nii.gz").write_bytes(b"drawn")
    if case is not None:
        (real / "case.json").write_text(case, "utf-8")
    over = PhantomOptions(matrix=32, jobs=1, overwrite=True)
    with pytest.raises(OutputError, match="PS-A104: 1 of 2 cases are no phantoms, such as ankle_000: "):
        pedseg_phantom(["ankle"], 2, tmp_path, options=over)
    assert (real / "labels.nii.gz").read_bytes() == b"drawn"
    assert [p.name for p in real.parent.iterdir()] == ["ankle_000"]


def test_a_phantom_with_files_of_a_person_is_not_replaced(tmp_path: Path) -> None:
    over = PhantomOptions(matrix=32, jobs=1, overwrite=True)
    (made,) = pedseg_phantom(["ankle"], 1, tmp_path, options=over)
    pedseg_phantom(["ankle"], 1, tmp_path, options=over)
    (made / "notes.txt").touch()
    with pytest.raises(OutputError, match="PS-A104"):
        pedseg_phantom(["ankle"], 1, tmp_path, options=over)
    assert (made / "notes.txt").exists()
