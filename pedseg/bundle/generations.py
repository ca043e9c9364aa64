"""Training states on disk: two generations, each whole and checked, so that one of them always loads."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pedseg.errors import ModelError
from pedseg.networks.state_dicts import read_tensors
from pedseg.workspace import atomic_write, file_digest, write_text

log = logging.getLogger("pedseg.train")
PARTS = {"plan", "fold", "epoch", "network", "optimizer", "history"}
SOMETIMES = {"rate", "scaler", "discriminator", "discriminator_optimizer"}


@dataclass(frozen=True)
class Generations:
    """The last two states of one training.

    They are written in turn, by the parity of the epoch: while one is replaced the other stands. Files hold tensors
    and plain values only.

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
        """Write the state of an epoch in place of the older one."""
        save_tensors(self.paths[state["epoch"] % 2], state, checksum=True)

    def newest(self) -> dict[str, Any] | None:
        """The newest state that loads; None where there are no files.

        Raises:
            ModelError: PS-A86 files, and none of them loads.
        """
        kept = [path for path in self.paths if path.is_file()]
        states = [state for path in kept if (state := _checked_state(path)) is not None]
        if kept and not states:
            raise ModelError("PS-A86", f"no checkpoint of {self.root.name} can be loaded: start over with --no-resume")
        return max(states, key=lambda s: int(s["epoch"]), default=None)

    def forget(self) -> None:
        """Remove both: the newest of a former training would be taken for this one's."""
        for path in self.paths:
            path.unlink(missing_ok=True)
            _checksum(path).unlink(missing_ok=True)


def save_tensors(path: Path, value: Any, *, checksum: bool = False) -> None:
    """Write tensors whole or not at all.

    The checksum goes before its file: a kill between the two costs the older generation, never the only one.
    """
    buffer = io.BytesIO()  # torch's own writer hides a full disk behind a RuntimeError
    torch.save(value, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
        if checksum:
            write_text(_checksum(path), file_digest(temporary) + "\n")


def _checked_state(path: Path) -> dict[str, Any] | None:
    try:
        whole = _checksum(path).read_text("utf-8").strip() == file_digest(path)
        if whole and PARTS <= set(state := read_tensors(path)) <= PARTS | SOMETIMES:
            return state
    except (OSError, ModelError):
        pass
    log.warning("PS-W86: %s is damaged: the other generation is taken", path.name)
    return None


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")
