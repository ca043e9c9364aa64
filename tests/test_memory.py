"""How much memory there is, what a job says of it, and how many processes it leaves."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from benchmarks.memory import commands, measure
from pedseg.memory import Estimate, available_gib, fitting_jobs

GIB = 1 << 30


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": f"MemTotal: {64 << 20} kB\nMemFree: 1 kB\nMemAvailable: {20 << 20} kB\n"}
VERSION_2 = {"proc/self/cgroup": "0::/a/b\n"}
VERSION_1 = {"proc/self/cgroup": "4:cpu:/x\n3:memory:/a/b\n0::/\n"}


def group(folder: str, *, limit: str, used: int, pages: int = 0, version: int = 2) -> dict[str, str]:
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        folder = f"memory/{folder}"
    base = f"sys/fs/cgroup/{folder}"
    stat = f"anon 5\ninactive_file {pages}\n" + (f"{names[2]} {pages}\n" if version == 1 else "")
    return {f"{base}/{names[0]}": limit, f"{base}/{names[1]}": str(used), f"{base}/memory.stat": stat}


@pytest.mark.parametrize(
    ("files", "gib"),
    [
        ({}, None),
        (MEMINFO, 20),
        ({**MEMINFO, **VERSION_2, **group("a/b", limit=f"{4 * GIB}\n", used=GIB)}, 3),
        ({**MEMINFO, **VERSION_2, **group("a/b", limit="max\n", used=GIB)}, 20),
        ({**MEMINFO, **VERSION_2, **group("a/b", limit="max", used=1), **group("a", limit=str(2 * GIB), used=GIB)}, 1),
        ({**MEMINFO, **VERSION_2, **group("", limit=str(2 * GIB), used=GIB)}, 1),
        ({**MEMINFO, **VERSION_2, **group("a/b", limit=str(4 * GIB), used=4 * GIB, pages=2 * GIB)}, 2),
        ({**MEMINFO, **VERSION_2, **group("a/b", limit=str(4 * GIB), used=5 * GIB)}, 0),
        ({**MEMINFO, **VERSION_1, **group("a/b", limit=str(4 * GIB), used=GIB, pages=GIB, version=1)}, 4),
        ({**MEMINFO, **VERSION_1, **group("a/b", limit="9223372036854771712", used=GIB, version=1)}, 20),
    ],
)  # fmt: skip
def test_what_is_free_is_what_the_system_and_every_group_leave(
    tmp_path: Path, files: dict[str, str], gib: float | None
) -> None:
    assert available_gib(system(tmp_path, files)) == gib


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux says it there")
def test_this_machine_has_some() -> None:
    assert 0 < (available_gib() or 0) < 1e5


ESTIMATE = Estimate(libraries=0.5, exam=1.0)


def test_one_process_does_its_exam_itself_and_more_are_started_beside_it() -> None:
    assert ESTIMATE.total(1) == 1.5
    assert ESTIMATE.total(2) == 0.5 + 2 * 1.5


@pytest.mark.parametrize(
    ("jobs", "free", "fitting", "said"),
    [
        (4, 100.0, 4, "about 6.5 GiB of memory, 100.0 GiB free"),
        (4, 5.5, 3, "PS-W170: 4 processes would want about 6.5 GiB of memory, 5.5 GiB are free: 3 are started"),
        (4, 2.0, 1, "PS-W170: 4 processes would want about 6.5 GiB of memory, 2.0 GiB are free: 1 is started"),
        (1, 1.0, 1, "PS-W170: about 1.5 GiB of memory are wanted, 1.0 GiB are free: the system may end the job"),
    ],
)
def test_processes_are_as_many_as_fit(
    jobs: int, free: float, fitting: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pedseg.x"):
        assert fitting_jobs(logging.getLogger("pedseg.x"), ESTIMATE, jobs, free=free) == fitting
    assert said in caplog.messages
    assert f"about {ESTIMATE.total(fitting):.1f} GiB of memory, {free:.1f} GiB free" in caplog.messages
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == (free < 100)


def test_where_the_system_does_not_say_nothing_is_lowered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pedseg.memory.available_gib", lambda: None)
    with caplog.at_level(logging.INFO, "pedseg.x"):
        assert fitting_jobs(logging.getLogger("pedseg.x"), ESTIMATE, 8) == 8
    assert caplog.messages == ["about 12.5 GiB of memory"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's own peak is read where Linux says it")
@pytest.mark.parametrize(("matrix", "window"), [(96, 64), (256, 128)])
def test_every_command_holds_about_what_it_says(tmp_path: Path, matrix: int, window: int) -> None:
    ratios = {}
    for words in commands(tmp_path, "knee", matrix, window):
        said, held = measure(words)
        ratios[words[0]] = said / held
    assert len(ratios) == 6
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if not 0.8 < ratio < 1.4} == {}
