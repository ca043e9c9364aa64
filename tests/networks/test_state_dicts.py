"""Reading and comparing state dicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pedseg.errors import ModelError, PedsegError
from pedseg.networks.state_dicts import mismatch, read_tensors, some, told

WANTED = {"a": torch.zeros(2, 3), "b": torch.zeros(1)}


def readable(path: Path) -> bool:
    try:
        read_tensors(path)
    except ModelError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_damaged_bytes_are_refused_or_read_never_a_crash(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(3, 4), "b": [1, ("x", 2.0)]}, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for at in draw.integers(0, len(data), draw.integers(1, 5)):
            data[at] = draw.integers(256)
        path.write_bytes(data[: draw.integers(len(data))] if draw.random() < 0.3 else data)
        refused += not readable(path)
    assert refused > 100


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a checkpoint", b"\x80\x02."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(data)
    with pytest.raises(PedsegError, match=r"PS-A86|PS-A98"):
        read_tensors(tmp_path / "model.pt")


def test_the_remedy_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(ModelError, match=r"PS-A86: model.pt cannot be read: ask for another$"):
        read_tensors(tmp_path / "model.pt", remedy="ask for another")


def test_what_fits_has_no_faults() -> None:
    assert mismatch({"b": torch.ones(1), "a": torch.ones(2, 3)}, WANTED) == {}


def test_every_fault_is_named() -> None:
    assert mismatch({"a": torch.zeros(3, 2), "c": 1}, WANTED) == {
        "missing": ["b"],
        "unknown": ["c"],
        "of another shape": ["a"],
    }
    assert mismatch({"a": [0.0], "b": torch.zeros(1)}, WANTED) == {"of another shape": ["a"], "of another type": ["a"]}


def test_the_first_three_are_told_of_many() -> None:
    assert some(["a", "b", "c"]) == "a, b, c"
    assert told({"missing": ["a", "b", "c", "d"], "unknown": ["e"]}) == "4 missing (a, b, c, ...); 1 unknown (e)"
