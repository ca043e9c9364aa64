"""Every exam is read once, and again only where something changed; the facts of a domain together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pedseg.domains import Domain, load_domains
from pedseg.errors import InputError
from pedseg.plan.fingerprint import ExamFacts, Fingerprint, StructureFacts
from pedseg.storage.cases import Case, source_digest
from pedseg.workers import Failure
from pedseg_plan import survey as module
from pedseg_plan.measure import Measured
from pedseg_plan.sources import Source
from pedseg_plan.survey import Task, estimate, fingerprint, summarise, survey

ANKLE, KNEE = load_domains(["ankle", "knee"])
MakeFacts = Callable[..., ExamFacts]
Read = list[tuple[str, str]]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two exams a joint; nobody looks into the files."""
    for domain in ("knee", "ankle"):
        for name in ("b", "a"):
            (tmp_path / domain / name).mkdir(parents=True)
            (tmp_path / domain / name / "image.nii").write_bytes(b"x")
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, exam_facts: MakeFacts) -> Read:
    """Exams that were read, in that order; each has facts but knee/b, which is refused."""
    seen: Read = []

    def measured(case: Case, domain: Domain) -> Measured:
        seen.append((domain.name, case.name))
        if seen[-1] == ("knee", "b"):
            return Measured("knee", "b", None, (InputError("PS-A73", "b: no label file: add one"),))
        return Measured(domain.name, case.name, exam_facts(case.patient, source=source_digest(case)), ())

    monkeypatch.setattr(module, "measure", measured)
    return seen


def sources(raw: Path, domains: Sequence[Domain] = (KNEE, ANKLE)) -> list[Source]:
    return [Source(domain, raw / domain.name, "") for domain in domains]


def test_results_stand_in_the_order_of_domains_and_names(raw: Path, read: Read) -> None:
    results = survey(sources(raw), None, 1)
    assert [(r.domain, r.case) for r in results] == [("knee", "a"), ("knee", "b"), ("ankle", "a"), ("ankle", "b")]
    assert [r.facts is None for r in results] == [False, True, False, False]
    assert read == [(r.domain, r.case) for r in results]


def test_exams_that_did_not_change_are_not_read_again(
    raw: Path, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pedseg.plan")
    first = survey(sources(raw), None, 1)
    known = fingerprint(sources(raw), first)
    read.clear()
    (raw / "ankle/b/image.nii").write_bytes(b"longer")
    second = survey(sources(raw), known, 1)
    assert read == [("knee", "b"), ("ankle", "b")]  # one has no facts to keep, one was touched
    assert "2 of 4 exams are unchanged and keep their facts" in caplog.messages
    assert [r.facts for r in second[::2]] == [r.facts for r in first[::2]]
    assert second[3].facts != first[3].facts


def test_other_labels_of_a_domain_mean_reading_all_of_it_again(raw: Path, read: Read) -> None:
    known = fingerprint(sources(raw), survey(sources(raw), None, 1))
    read.clear()
    (first, *others) = ANKLE.structures
    renumbered = ANKLE.model_copy(update={"structures": (first.model_copy(update={"source_value": (9,)}), *others)})
    survey(sources(raw, (KNEE, renumbered)), known, 1)
    assert read == [("knee", "b"), ("ankle", "a"), ("ankle", "b")]


def test_with_nothing_to_read_nothing_is_said_of_memory(
    raw: Path, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    known = fingerprint(sources(raw), survey(sources(raw, (ANKLE,)), None, 1))
    read.clear()
    caplog.set_level(logging.INFO, "pedseg.plan")
    survey(sources(raw, (ANKLE,)), known, 4)
    assert read == []
    assert caplog.messages == ["2 of 2 exams are unchanged and keep their facts"]


def test_a_refusal_is_the_exams_and_a_fault_of_pedseg_nobodys(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Measured:
        raise InputError("PS-A128", "too large")

    monkeypatch.setattr(module, "measure", refused)
    results = survey(sources(raw, (ANKLE,)), None, 1)
    assert [(r.case, r.facts, [e.code for e in r.faults]) for r in results] == [
        ("a", None, ["PS-A128"]), ("b", None, ["PS-A128"])
    ]  # fmt: skip

    words = "what the file says"

    def broken(*_: object) -> Measured:
        raise KeyError(words)

    monkeypatch.setattr(module, "measure", broken)
    with pytest.raises(RuntimeError, match="ankle/a: KeyError, a fault of pedseg itself") as caught:
        survey(sources(raw, (ANKLE,)), None, 1)
    assert words not in str(caught.value)


def test_where_a_process_crashed_is_said_before_its_exam_is_listed(
    raw: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crashed(_: object, tasks: Sequence[Task], *, jobs: int) -> Iterator[tuple[Task, Failure]]:
        for task, trace in zip(tasks, ("", "Traceback: b.py"), strict=True):
            yield task, Failure(task.key, InputError("PS-A128", f"{jobs} crashed"), trace)

    monkeypatch.setattr(module, "run_tasks", crashed)
    results = survey(sources(raw, (ANKLE,)), None, 1)
    assert [[e.code for e in r.faults] for r in results] == [["PS-A128"], ["PS-A128"]]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == ["ankle/b: PS-A128: 1 crashed\nTraceback: b.py"]


def test_memory_is_that_of_the_largest_exam(tmp_path: Path) -> None:
    """A file that does not tell its size counts a voxel a byte."""
    tasks = []
    for name, size in (("a", 100), ("b", 1 << 20), ("c", 50)):
        (tmp_path / f"{name}.img").write_bytes(bytes(size))
        tasks.append(Task(Case(name, tmp_path / f"{name}.img", None, name), ANKLE))
    assert estimate(tasks).exam == 7.5 / 1024
    assert estimate([]).exam == 0


def test_a_domain_without_facts_is_not_in_the_fingerprint(exam_facts: MakeFacts) -> None:
    refused = Measured("knee", "a", None, (InputError("PS-A73", "a: no label file"),))
    facts = fingerprint(sources(Path()), [refused, Measured("ankle", "b", exam_facts(), ())])
    assert list(facts.domains) == ["ankle"]
    assert fingerprint(sources(Path()), [refused]) == Fingerprint(domains={})


def test_a_domain_is_summed_up_by_hand(exam_facts: MakeFacts) -> None:
    """The second exam has no plane of its own, and counts as an axial one, which it is cut into along its rows."""
    talus = [StructureFacts(volume_ml=v, components_mm3=(v,), n_components=1) for v in (3, 5)]
    sagittal = exam_facts("p1", plane="sagittal", side="left", structures={"talus": talus[0]})
    unknown = exam_facts(
        "p1", plane=None, slice_axis=None, axis_for={"axial": 0, "coronal": 1, "sagittal": 2}, shape=(10, 300, 60),
        slices_with_bone=(7, 8, 9), structures={"talus": talus[1]},
    )  # fmt: skip
    summary = summarise({"a": sagittal, "b": unknown, "c": exam_facts("p2")})
    assert (summary.exams, summary.patients) == (3, 2)
    assert summary.planes == {"axial": 1, "sagittal": 1, "unknown": 1}
    assert summary.sides == {"left": 1, "unknown": 2}
    assert tuple(summary.fov_mm.model_dump().values()) == (100, 100, 150)  # of b 300 x 0.5 and 60 x 2 mm
    assert tuple(summary.slices.model_dump().values()) == (10, 40, 40)
    assert tuple(summary.slices_with_bone.model_dump().values()) == (7, 30, 30)
    assert tuple(summary.size_mm[0].model_dump().values()) == (5, 100, 100)
    assert {name: tuple(v.model_dump().values()) for name, v in summary.volume_ml.items()} == {"talus": (3, 4, 5)}
