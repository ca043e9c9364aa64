"""Trainings on a small file system of its own: `full_disk.py ROOM WORKSPACE AFTER`. Says as JSON what came of them.

One that is too small from the start; one that somebody fills behind the first epoch; one with room again, which goes
on to the end. What stands then is copied to AFTER.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from pathlib import Path

import torch

from pedseg.bundle.generations import Generations, save_tensors
from pedseg.errors import OutputError
from pedseg_train.__main__ import main

FOLD = Path("runs/default/main/fold_0")


def fill(ballast: Path, *, leave: int = 0) -> None:
    """Take all the room there is but so many bytes."""
    with ballast.open("wb", buffering=0) as stream:
        stream.write(b"\0" * max(0, shutil.disk_usage(ballast.parent).free - leave))


def fill_behind_the_first_epoch(fold: Path, ballast: Path) -> None:
    while not (fold / "models/checkpoint_odd.pt").exists():
        time.sleep(0.005)
    fill(ballast, leave=300_000)


def run() -> dict[str, object]:
    room, workspace, after = map(Path, sys.argv[1:])
    root, ballast = room / "w", room / "ballast"
    fold = root / FOLD
    shutil.copytree(workspace, root)
    command = ["0", "-w", str(root), "--device", "cpu", "--no-test"]
    outcome: dict[str, object] = {}
    fill(ballast, leave=1_000_000)
    outcome["start"] = main(command)
    ballast.unlink()
    threading.Thread(target=fill_behind_the_first_epoch, args=(fold, ballast), daemon=True).start()
    outcome["while training"] = main(command)
    state = Generations(fold).newest()
    outcome["epoch kept"] = state and state["epoch"]
    outcome["while writing"] = written_into_nothing(fold)
    outcome["parts left"] = [path.name for path in root.rglob(".*partial*")]
    ballast.unlink()
    outcome["resumed"] = main(command)
    shutil.copytree(root, after)
    return outcome


def written_into_nothing(fold: Path) -> str:
    """The code of a write that the system itself ends, as where another program was faster than the look for room."""
    whole, shutil.disk_usage = shutil.disk_usage, lambda place: whole(place)._replace(free=1 << 40)
    try:
        save_tensors(fold / "models/x.pt", torch.zeros(1_000_000))
    except OutputError as error:
        return error.code
    finally:
        shutil.disk_usage = whole
    return ""


if __name__ == "__main__":
    said = run()
    sys.stdout.write("\n" + json.dumps(said) + "\n")
