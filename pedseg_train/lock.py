"""One training a fold at a time."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from pedseg.errors import TrainingError
from pedseg.workspace import output_error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a fold folder; the system lets go of it when the process ends, however it ends.

    The lock file stands beside the folder and stays: taking it away would let two processes lock two files of one name.

    Args:
        folder: `runs/<plan>/<run>/fold_<name>/`.

    Raises:
        TrainingError: PS-A92 another process trains this fold.
        OutputError: PS-A105, PS-A106 nothing can be written there.
    """
    path = folder.with_name(f".{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise output_error(error, path) from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # NFS answers with the second
            holder = file.read().strip() or "another process"
            raise TrainingError("PS-A92", f"{folder.name} is trained by {holder}: wait, or name a --run") from error
        except OSError as error:  # a file system without locks
            raise output_error(error, path) from error
        file.truncate()
        started = datetime.now(timezone.utc)
        file.write(f"process {os.getpid()} on {platform.node()} since {started:%Y-%m-%d %H:%M:%S} UTC\n")
        file.flush()
        yield
