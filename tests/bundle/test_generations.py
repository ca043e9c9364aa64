"""Two states of a training in turn. What damages them, fills the disk or kills is in tests/reliability."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pedseg.bundle.generations import Generations, check_room, noted_digest, save_tensors
from pedseg.errors import ModelError, OutputError


def state(epoch: int, **more: Any) -> dict[str, Any]:
    """The least a training needs to go on."""
    parts = {"plan": "p", "fold": "f", "optimizer": {}, "history": []}
    return {**parts, "epoch": epoch, "network": {"weight": torch.full((3,), float(epoch))}, **more}


@pytest.fixture
def kept(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "fold_0")


def put(path: Path, value: object) -> None:
    """Anything, vouched for as a state is."""
    save_tensors(path, value, checksum=True)


@pytest.mark.parametrize(
    ("states", "newest", "even", "odd"),
    [
        ([state(1)], (1, 0), None, 1),
        ([state(1), state(2)], (2, 0), 2, 1),
        ([state(1), state(2), state(3)], (3, 0), 2, 3),
        ([state(0, step=5)], (0, 5), None, 0),
        ([state(1), state(2), state(2, step=5)], (2, 5), 2, 2),  # from within epoch 3: the place epoch 1 had
        ([state(1), state(2), state(2, step=5), state(3)], (3, 0), 2, 3),
    ],
)
def test_states_take_turns_and_the_newest_counts(
    kept: Generations, states: list[dict[str, Any]], newest: tuple[int, int], even: int | None, odd: int
) -> None:
    assert kept.newest() is None
    for one in states:
        kept.save(one)
    found = kept.newest()
    assert found is not None
    assert (found["epoch"], found.get("step", 0)) == newest
    assert torch.equal(found["network"]["weight"], states[-1]["network"]["weight"])
    epochs = [torch.load(path)["epoch"] if path.is_file() else None for path in kept.paths]
    assert epochs == [even, odd]


def test_one_state_in_both_places_loads(kept: Generations, caplog: pytest.LogCaptureFixture) -> None:
    """As where somebody put a copy in the place of a damaged one."""
    kept.save(state(2))
    even, odd = kept.paths
    shutil.copyfile(even, odd)
    shutil.copyfile(even.with_suffix(".sha256"), odd.with_suffix(".sha256"))
    found = kept.newest()
    assert found is not None
    assert found["epoch"] == 2
    assert caplog.messages == []


@pytest.mark.parametrize(
    "other",
    [[1.0], {}, {"weight": torch.zeros(3)}, {k: v for k, v in state(9).items() if k != "history"}, state(9, later=1)],
    ids=["list", "empty", "weights", "part", "later"],
)
def test_what_is_no_state_of_a_training_is_never_taken(
    kept: Generations, other: object, caplog: pytest.LogCaptureFixture
) -> None:
    put(kept.paths[1], other)
    with pytest.raises(ModelError, match=r"PS-A94: checkpoints of fold_0 hold no state of a training"):
        kept.newest()
    kept.save(state(2))
    found = kept.newest()
    assert found is not None
    assert found["epoch"] == 2
    said = "PS-W86: checkpoint_odd.pt holds no state of a training: the other generation is taken"
    assert caplog.messages == [said]
    kept.paths[0].write_bytes(b"")
    with pytest.raises(ModelError, match=r"PS-A86: no checkpoint of fold_0 can be loaded"):
        kept.newest()


def test_both_are_forgotten_with_their_checksums_and_no_other_file(kept: Generations) -> None:
    other = Generations(kept.root, "prior")
    for epoch in (1, 2):
        kept.save(state(epoch))
        other.save(state(epoch))
    kept.forget()
    kept.forget()
    assert kept.newest() is None
    names = {"prior_even.pt", "prior_even.sha256", "prior_odd.pt", "prior_odd.sha256"}
    assert {path.name for path in kept.paths[0].parent.iterdir()} == names


def test_tensors_are_written_with_a_digest_and_beside_it_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "models/some.pt"
    first = save_tensors(path, {"a": torch.ones(2)})
    assert first == hashlib.sha256(path.read_bytes()).hexdigest()
    assert noted_digest(path) is None
    second = save_tensors(path, {"a": torch.zeros(2)}, checksum=True)
    assert second == noted_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest() != first
    assert torch.load(path)["a"].tolist() == [0, 0]
    path.with_suffix(".sha256").write_bytes(b"\xff\xfe")
    assert noted_digest(path) is None


def test_room_is_looked_for_where_the_folder_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage)  # type: ignore[func-returns-value]
    check_room(tmp_path / "fold/models", 3_000_000, what="it")
    with pytest.raises(OutputError) as refused:
        check_room(tmp_path, 3_100_000, what="model.pt")
    said = "PS-A106: no space left while writing model.pt: 3.1 MB wanted, 3.0 MB are free: free some, then run again"
    assert str(refused.value) == said
    assert asked == [tmp_path, tmp_path]


def test_no_byte_is_written_where_there_is_no_room(kept: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    for epoch in (1, 2):
        kept.save(state(epoch))
    before = {path.name: path.read_bytes() for path in kept.paths[0].parent.iterdir()}
    usage = shutil.disk_usage(kept.root)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"PS-A106: no space left while writing checkpoint_odd\.pt"):
        kept.save(state(3))
    assert {path.name: path.read_bytes() for path in kept.paths[0].parent.iterdir()} == before
