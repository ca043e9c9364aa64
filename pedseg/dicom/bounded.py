"""A file that never gives, nor asks memory for, more than it holds: pydicom believes the lengths it reads."""

from __future__ import annotations

from io import BufferedReader, FileIO
from pathlib import Path


class BoundedFile(BufferedReader):
    """A file opened for reading whose `read` is capped at the file's size.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self.room = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes."""
        return super().read(self.room if size is None or size < 0 else min(size, self.room))
