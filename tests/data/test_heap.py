"""Large blocks stay in the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pedseg.data.heap import keep_heap

FAULTS = """
import resource
import sys

from pedseg.data.heap import keep_heap

if sys.argv[1] == "kept":
    keep_heap()
bytearray(b"x") * (1 << 27)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    bytearray(b"x") * (1 << 27)
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))
"""


def _faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")
def test_a_large_block_used_again_costs_no_page_faults() -> None:
    """128 MB are 32768 pages of 4 KB, faulted in anew each time when the heap is not kept."""
    assert _faults("as it comes") > 5 * 30_000
    assert _faults("kept") < 100


def test_elsewhere_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_heap() is False
