"""What reading a spoilt file must end in: a value, or one typed refusal on one printable line, without a warning."""

from __future__ import annotations

import os
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fuzz_targets import Target
from pedseg.errors import ERRORS, OutputError, PedsegError, one_line

BYTES = 2 << 30
"""More than before the file: address space, so that what is asked for counts, not what is touched."""
_LONGEST = 1500


class SlowError(BaseException):
    """Ten seconds are over; nothing in pedseg catches it."""


def judge(target: Target, data: bytes) -> tuple[str, str]:
    """Read a spoilt file: what it was told, and the fault if there is one."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            target.read(data, Path(folder))
        except PedsegError as error:
            return error.code, _refusal_fault(error)
        except (Exception, RecursionError, MemoryError, SystemExit, SlowError) as error:  # noqa: BLE001
            return "fault", place_of(error)
    return "read", _warning_fault(warned)


def place_of(error: BaseException) -> str:
    """The innermost line of pedseg, and the traceback below."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}pedseg" in f.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} " if frames else ""
    return f"{where}{type(error).__name__}\n{''.join(traceback.format_exception(error))}"


def _warning_fault(warned: Sequence[warnings.WarningMessage]) -> str:
    """A library's warning would reach the terminal, perhaps with text of the file."""
    if not warned:
        return ""
    first = warned[0]
    return f"{Path(first.filename).name}:{first.lineno} {first.category.__name__}: {str(first.message)[:200]!r}"


def _refusal_fault(error: PedsegError) -> str:
    text = str(error)
    if one_line(text) != text or len(text) > _LONGEST:
        return f"a refusal that is not one printable line: {text[:200]!r}"
    if error.code not in ERRORS or error.exit_code == 1:
        return f"an unknown refusal: {text}"
    if isinstance(error, OutputError):
        return f"the output is blamed for what is read: {text}"
    chain: BaseException | None = error
    while chain := chain.__cause__ or chain.__context__ if chain else None:
        if isinstance(chain, MemoryError):
            return f"more than {BYTES >> 30} GiB were asked for\n{place_of(chain)}"
    return ""
