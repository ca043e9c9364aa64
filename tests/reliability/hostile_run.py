"""Reads hostile files in a process that may ask for two GiB more than it has, and tells what became of each.

`python hostile_run.py FILE`, a JSON object of name -> path; answers with name -> outcome on stdout.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from pedseg.dicom import read_volume
from pedseg.errors import PedsegError
from pedseg.volumes.nifti import check_image, read_image

BYTES = 2 << 30
IMAGES = (".nii", ".nii.gz", ".nrrd", ".mha")


def read(path: Path) -> dict[str, Any]:
    """What a command would be told."""
    try:
        volume = read_image(path) if path.name.endswith(IMAGES) else read_volume(path)
        check_image(volume)
    except PedsegError as error:
        return {"code": error.code, "text": str(error), "memory": _memory_error(error)}
    told = [*map(str, volume.notices), *map(str, volume.facts.values())]
    return {"code": "", "text": " ".join(told), "notices": sorted(n.code for n in volume.notices), "memory": False}


def _memory_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def status(key: str) -> int:
    """Bytes of a line of the process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    """Read all of them."""
    named: dict[str, dict[str, str]] = json.loads(Path(sys.argv[1]).read_text())
    for path in named["first"].values():  # libraries are loaded before memory is counted
        read(Path(path))
    resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + BYTES,) * 2)
    outcomes = {}
    for name, path in named["files"].items():
        Path("/proc/self/clear_refs").write_text("5")
        before, start = status("VmRSS"), time.process_time()
        outcome = read(Path(path))
        outcomes[name] = {**outcome, "seconds": time.process_time() - start, "bytes": status("VmHWM") - before}
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
