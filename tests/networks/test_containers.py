"""Checkpoints told by what they would make."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pedseg.errors import ModelError
from pedseg.networks.containers import check_container
from pedseg.networks.state_dicts import read_tensors

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


class Calls:
    """Asks the reader to call something."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_training_writes_passes(tmp_path: Path, legacy: bool) -> None:
    value = {
        "state": OrderedDict(a=torch.ones(2, 3), b=torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))),
        "random": torch.get_rng_state(),
        "plain": [1, 2.5, "x", None, True, (torch.Size([1]), {"n": 2**70})],
    }
    torch.save(value, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    check_container(tmp_path / "a.pt", remedy="")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("value", [Calls(bytearray, 1 << 33), Calls(print, "x"), Calls(getattr, "", "upper")])
def test_what_calls_anything_is_refused_by_its_name(tmp_path: Path, value: Calls, legacy: bool) -> None:
    torch.save({"a": value}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    name = value.call[0].__name__
    with pytest.raises(ModelError, match=rf"PS-A98: a\.pt holds more than tensors and plain values \(\w+ {name}\): "):
        check_container(tmp_path / "a.pt", remedy="")


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Calls(print, "x"), protocol))
    with pytest.raises(ModelError, match="PS-A98"):
        check_container(tmp_path / "a.pt", remedy="")


def packed(path: Path, how: int) -> None:
    torch.save({"a": torch.zeros(1 << 18)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    packed(tmp_path / "a.pt", zipfile.ZIP_STORED)
    check_container(tmp_path / "a.pt", remedy="")
    packed(tmp_path / "a.pt", zipfile.ZIP_DEFLATED)
    assert (tmp_path / "a.pt").stat().st_size < 20_000
    with pytest.raises(ModelError, match=r"PS-A98: .*\(compressed members\)"):
        check_container(tmp_path / "a.pt", remedy="")


@pytest.mark.parametrize("data", [b"", b"not a checkpoint", b"PK\x05\x06" + bytes(18), b"\x80\x02}q\x00"])
def test_what_is_no_checkpoint(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(ModelError, match=r"PS-A86: a\.pt cannot be read: look$"):
        check_container(tmp_path / "a.pt", remedy="look")


def allocating(size: int) -> bytes:
    """A checkpoint of before zips, whose contents ask for bytes."""
    stream = io.BytesIO()
    torch.save({"a": Calls(bytearray, size)}, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def harmless_zip() -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, stream)
    return stream.getvalue()


def test_a_zip_behind_a_pickle_does_not_vouch_for_it(tmp_path: Path) -> None:
    """torch looks at a file's start: it runs the pickle."""
    path = tmp_path / "a.pt"
    path.write_bytes(allocating(600 << 20) + harmless_zip())
    assert zipfile.is_zipfile(path)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=r"PS-A98: .*bytearray"):
            read_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_a_list_of_members_that_torch_would_not_read_is_refused(tmp_path: Path) -> None:
    """zipfile takes the list right before the last record, torch the one where that record says."""
    bad = io.BytesIO()
    torch.save({"a": Calls(bytearray, 600 << 20)}, bad)
    path = tmp_path / "a.pt"
    path.write_bytes(bad.getvalue() + harmless_zip())
    with pytest.raises(ModelError, match=r"PS-A86: a\.pt cannot be read: look$"):
        check_container(path, remedy="look")
    path.write_bytes(harmless_zip() + b"x")
    with pytest.raises(ModelError, match="PS-A86"):
        check_container(path, remedy="look")
    path.write_bytes(harmless_zip())
    check_container(path, remedy="look")
