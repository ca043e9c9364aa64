"""Training states on disk: two generations, each whole and checked, so that one of them always loads."""

from __future__ import annotations

import io
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pedseg.errors import ModelError, Notice, OutputError
from pedseg.networks.state_dicts import read_tensors
from pedseg.workspace import atomic_write, file_digest, put_bytes, write_text

log = logging.getLogger("pedseg.train")
PARTS = {"plan", "fold", "epoch", "network", "optimizer", "history"}
SOMETIMES = {
    "rate", "scaler", "discriminator", "discriminator_optimizer", "step", "running", "slices", "machine", "best",
}  # fmt: skip


@dataclass(frozen=True)
class Generations:
    """The last two states of one training.

    They are written in turn, by the parity of the epoch: while one is replaced the other stands. A state from within
    an epoch takes the place that the epoch will have. Files hold tensors and plain values only.

    Args:
        root: the fold folder.
        stem: of the files' names.
    """

    root: Path
    stem: str = "checkpoint"

    @property
    def paths(self) -> tuple[Path, Path]:
        """The file of even epochs, and that of odd ones."""
        models = self.root / "models"
        return models / f"{self.stem}_even.pt", models / f"{self.stem}_odd.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write the state of an epoch in place of the older one.

        Raises:
            OutputError: PS-A106 no room for it; both files are as they were.
        """
        epoch = int(state["epoch"]) + bool(state.get("step"))
        save_tensors(self.paths[epoch % 2], state, checksum=True)

    def newest(self) -> dict[str, Any] | None:
        """The newest state that loads; None where there are no files.

        Raises:
            ModelError: PS-A86 files, and none of them loads; PS-A94 they load, and hold no state of a training.
        """
        kept = {path: _checked(path) for path in self.paths if path.is_file()}
        states = {path: state for path, state in kept.items() if state and PARTS <= set(state) <= PARTS | SOMETIMES}
        for path, state in kept.items():
            if states and path not in states:
                fault = "is damaged" if state is None else "holds no state of a training"
                log.warning("%s", Notice("PS-W86", f"{path.name} {fault}: the other generation is taken"))
        if kept and not states:
            raise _none_loads(self.root.name, damaged=None in kept.values())
        return max(states.values(), key=lambda s: (int(s["epoch"]), int(s.get("step", 0))), default=None)

    def forget(self) -> None:
        """Remove both: the newest of a former training would be taken for this one's."""
        for path in self.paths:
            path.unlink(missing_ok=True)
            _checksum(path).unlink(missing_ok=True)


def save_tensors(path: Path, value: Any, *, checksum: bool = False) -> str:
    """Write tensors whole or not at all.

    A checksum beside them goes before its file: a kill between the two costs the older generation, never the only one.

    Returns:
        sha256 of the file.

    Raises:
        OutputError: PS-A105, PS-A106 it cannot be written; what stood there stands.
    """
    buffer = io.BytesIO()  # torch's own writer hides a full disk behind a RuntimeError
    torch.save(value, buffer)
    check_room(path.parent, buffer.getbuffer().nbytes, what=path.name)
    with atomic_write(path) as temporary:
        put_bytes(temporary, buffer.getbuffer())
        digest = file_digest(temporary)
        if checksum:
            write_text(_checksum(path), digest + "\n")
    return digest


def noted_digest(path: Path) -> str | None:
    """What stands in the checksum beside a file; None where there is none that can be read."""
    try:
        return _checksum(path).read_text("utf-8").removesuffix("\n")
    except (OSError, ValueError):
        return None


def check_room(folder: Path, wanted: int, *, what: str) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: on the disk; need not be there yet.
        wanted: bytes, beside what stands there.
        what: is to be written, in words.

    Raises:
        OutputError: PS-A106.
    """
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if free < wanted:
        sizes = f"{wanted / 1e6:.1f} MB wanted, {free / 1e6:.1f} MB are free"
        raise OutputError("PS-A106", f"no space left while writing {what}: {sizes}: free some, then run again")


def _checked(path: Path) -> dict[str, Any] | None:
    """What a file holds, where it is as it was written; None where it is not."""
    try:
        if noted_digest(path) != file_digest(path):
            return None
        state = read_tensors(path)
    except (OSError, ValueError, ModelError):
        return None
    return state if isinstance(state, dict) else {}


def _none_loads(fold: str, *, damaged: bool) -> ModelError:
    if damaged:
        return ModelError("PS-A86", f"no checkpoint of {fold} can be loaded: start over with --no-resume")
    text = f"checkpoints of {fold} hold no state of a training (optimizer, history): start over with --no-resume"
    return ModelError("PS-A94", text)


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")
