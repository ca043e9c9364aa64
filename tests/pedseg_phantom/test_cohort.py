"""Neither processes nor neighbours change a patient."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pedseg.errors import UsageError
from pedseg_phantom import PhantomOptions, pedseg_phantom


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


def test_no_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 patient"):
        pedseg_phantom(["ankle"], 0, tmp_path)
