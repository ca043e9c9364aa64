"""A short run of the fuzzer, everything it has found so far, and proof that it sees a fault."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import KINDS, Case, Tally, outcomes
from benchmarks.fuzz_judge import BYTES, judge
from benchmarks.fuzz_targets import CORPUS, FOUND, TARGETS, Target, WrongError, among_good
from benchmarks.mutate import spoil_bytes
from pedseg.errors import InputError, OutputError

KEPT = sorted(FOUND.glob("*/*.bin"))
SHORT = {"dicom": 60, "nifti": 150, "plans": 200, "packed": 200}


def files() -> Iterator[Path]:
    return (path for path in CORPUS.rglob("*") if path.is_file())


def test_the_corpus_is_small_and_every_seed_is_read() -> None:
    assert sum(path.stat().st_size for path in files()) < 500_000
    refused = {"slice alone": "PS-A40"}
    for name, target in TARGETS.items():
        seen = {judge(target, data) for data in target.seed_bytes()}
        assert seen == {(refused.get(name, "read"), "")}, name


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_stays_mended(path: Path) -> None:
    _, fault = judge(TARGETS[path.parent.name.replace("_", " ")], path.read_bytes())
    assert fault == ""


def test_something_was_found_and_kept() -> None:
    assert len(KEPT) >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_run_finds_nothing(kind: str) -> None:
    told: Counter[str] = Counter()
    for number in range(SHORT[kind]):
        name, data = Case(kind, 100, number).make()
        code, fault = judge(TARGETS[name], data)
        assert fault == "", f"{kind}-100-{number}"
        told[code] += 1
    assert told["read"] < sum(told.values())  # some of them are spoilt indeed
    assert len(told) > 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_run_finds_nothing(kind: str, tmp_path: Path) -> None:
    tally = fuzz.fuzz(kind, 500, seed=200, jobs=2, keep=tmp_path, until=time.monotonic() + 300)
    assert (tally.n, dict(tally.faults)) == (500, {})
    assert 0 < tally.peak < BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_makes_the_same_file_again_whatever_was_made_before(kind: str) -> None:
    made = [Case(kind, 3, number).make() for number in range(60)]
    assert made == [Case(kind, 3, number).make() for number in reversed(range(60))][::-1]
    assert made != [Case(kind, 4, number).make() for number in range(60)]


def raises(error: BaseException):
    def read(_data: bytes, _folder: Path) -> None:
        raise error

    return read


def warns(_data: bytes, _folder: Path) -> None:
    import warnings

    warnings.warn("patient's name", stacklevel=1)


def chained(_data: bytes, _folder: Path) -> None:
    try:
        raise MemoryError
    except MemoryError as error:
        raise InputError("PS-A121", "no") from error


@pytest.mark.parametrize(
    ("read", "told", "fault"),
    [
        (raises(KeyError("x")), "fault", "KeyError"),
        (raises(WrongError("moved")), "fault", "moved"),
        (raises(MemoryError()), "fault", "MemoryError"),
        (raises(RecursionError()), "fault", "RecursionError"),
        (raises(InputError("PS-A121", "two\nlines")), "PS-A121", "not one printable line"),
        (raises(InputError("PS-A121", "long" * 999)), "PS-A121", "not one printable line"),
        (chained, "PS-A121", "more than 2 GiB"),
        (raises(OutputError("PS-A105", "cannot write")), "PS-A105", "the output is blamed"),
        (warns, "read", "patient's name"),
        (raises(InputError("PS-A121", "fine")), "PS-A121", ""),
        (lambda _data, _folder: None, "read", ""),
    ],
)
def test_a_fault_is_seen(read, told: str, fault: str) -> None:
    seen = judge(Target("plans", (), spoil_bytes, read), b"")
    assert seen[0] == told
    assert (fault in seen[1]) if fault else seen[1] == ""


def test_a_slice_that_pushes_a_good_one_aside_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import fuzz_targets

    wanted = fuzz_targets._series()[0]
    moved = wanted.affine.copy()
    moved[0, 3] += 0.05
    monkeypatch.setattr(fuzz_targets, "read_volume", lambda _: type(wanted)(wanted.array, moved))
    with pytest.raises(WrongError, match=r"0\.050 mm away"):
        among_good((CORPUS / "dicom/series/im3.dcm").read_bytes(), tmp_path)


@pytest.mark.slow
def test_a_process_that_dies_costs_its_case_only() -> None:
    """Killed as by the system's hand, in the middle."""
    cases = [Case("dicom", 0, number) for number in range(200)]
    seen = []
    for outcome in outcomes(cases, 1, Tally(), time.monotonic() + 120):
        if not seen:
            (child,) = multiprocessing.active_children()
            child.kill()
        seen.append(outcome)
    assert sorted(outcome.case for outcome in seen) == list(range(200))
    (blamed,) = [outcome for outcome in seen if outcome.fault]
    assert "(exit code -9)" in blamed.fault
