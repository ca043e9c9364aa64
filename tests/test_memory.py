"""How much memory there is, what a job says of it, and how many processes it leaves."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest
from masks import boxes, write_masks
from tiny import write_exams

from benchmarks.memory import commands, measure
from pedseg.memory import Estimate, available_gib, fitting_jobs
from pedseg_plan import PlanOptions, pedseg_plan

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


@pytest.fixture(scope="module")
def four_exams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned workspace, and four masks twice."""
    root = tmp_path_factory.mktemp("four")
    write_exams(root, ("ankle",), n=4)
    pedseg_plan(["ankle"], root, options=PlanOptions(preset="demo", window=32, jobs=1))
    for folder in ("masks", "truth"):
        write_masks(root / folder, **dict.fromkeys("abcd", boxes()))
    return root


@pytest.mark.parametrize(("job", "words"), [
    ("pedseg_phantom.cohort", "-d ankle -n 4 --matrix 32 -o ROOT/made"),
    ("pedseg_plan.survey", "-d ankle -w ROOT -p other --preset demo"),
    ("pedseg_preprocess.job", "-w ROOT"),
    ("pedseg_evaluate.job", "-d ankle --predictions ROOT/masks --references ROOT/truth -o ROOT/scores"),
])  # fmt: skip
def test_where_memory_is_short_a_command_starts_fewer_processes(
    four_exams: Path, job: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two and the command itself hold three times the libraries, and little beside; here threads stand for them."""
    module = import_module(job)
    started: list[int] = []

    def pool(n: int, *_: object) -> ThreadPoolExecutor:
        started.append(n)
        return ThreadPoolExecutor(n)

    monkeypatch.setattr("pedseg.workers.ProcessPoolExecutor", pool)
    monkeypatch.setattr("pedseg.memory.available_gib", lambda: 3.5 * module.LIBRARIES)
    main = import_module(f"{job.partition('.')[0]}.__main__").main
    assert main([*words.replace("ROOT", str(four_exams)).split(), "-j", "4"]) == 0
    assert re.search(r"warning: PS-W170: 4 processes would want .*: 2 are started\n", capsys.readouterr().err)
    assert started == [2]


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
