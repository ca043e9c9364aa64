"""Read all exams of a dataset, each once, in parallel; those already measured are not read again."""

from __future__ import annotations

import logging
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from pedseg.cli import progress_hidden
from pedseg.domains import Domain
from pedseg.errors import PedsegError
from pedseg.memory import GIB, Estimate, fitting_jobs
from pedseg.plan.fingerprint import DomainFacts, DomainSummary, ExamFacts, Fingerprint, Spread
from pedseg.plan.spec import Plane
from pedseg.storage.cases import Case, find_cases, source_digest
from pedseg.storage.sizes import size_of
from pedseg.workers import Failure, run_tasks
from pedseg.workspace import digest_of
from pedseg_plan.measure import Measured, measure
from pedseg_plan.sources import Source

log = logging.getLogger("pedseg.plan")
LIBRARIES = 0.1
"""GiB of a process that reads exams, before it reads one."""
VOXEL_BYTES = 7.5


@dataclass(frozen=True)
class Task:
    """An exam to measure.

    Args:
        case: its files.
        domain: the labels they should hold.
    """

    case: Case
    domain: Domain

    @property
    def key(self) -> tuple[str, str]:
        """Names of the domain and the case."""
        return self.domain.name, self.case.name


def survey(sources: Sequence[Source], known: Fingerprint | None, jobs: int) -> tuple[Measured, ...]:
    """Measure every exam of every domain.

    Args:
        sources: domains and their folders.
        known: facts measured before; an exam whose files did not change since keeps them.
        jobs: processes.

    Returns:
        One result an exam, in the order of domains and names.
    """
    tasks = [Task(case, source.domain) for source in sources for case in find_cases(source.folder)]
    results = {task.key: _remembered(task.case, task.domain, known) for task in tasks}
    todo = [task for task in tasks if results[task.key] is None]
    if len(todo) < len(tasks):
        log.info("%d of %d exams are unchanged and keep their facts", len(tasks) - len(todo), len(tasks))
    jobs = fitting_jobs(log, estimate(todo), min(jobs, len(todo))) if todo else 1
    shown = tqdm(_run(todo, jobs), total=len(todo), desc="check", unit="exam", disable=progress_hidden(), delay=1)
    for measured in shown:
        results[measured.domain, measured.case] = measured
    return tuple(result for task in tasks if (result := results[task.key]))


def estimate(tasks: Sequence[Task]) -> Estimate:
    """Memory for the largest of the exams: its grey values, its labels, and where they are."""
    return Estimate(LIBRARIES, VOXEL_BYTES * max((size_of(t.case.image).voxels for t in tasks), default=0) / GIB)


def fingerprint(sources: Sequence[Source], measured: Iterable[Measured]) -> Fingerprint:
    """Facts of the exams that have some, by domain."""
    exams: dict[str, dict[str, ExamFacts]] = {s.domain.name: {} for s in sources}
    for result in measured:
        if result.facts:
            exams[result.domain][result.case] = result.facts
    domains = {
        s.domain.name: DomainFacts(labels=_labels_digest(s.domain), exams=part, summary=summarise(part))
        for s in sources
        if (part := exams[s.domain.name])
    }
    return Fingerprint(domains=domains)


def summarise(exams: Mapping[str, ExamFacts]) -> DomainSummary:
    """The exams of one domain together."""
    facts = list(exams.values())
    planes: list[Plane] = [f.plane or "axial" for f in facts]
    names = dict.fromkeys(name for f in facts for name in f.structures)
    return DomainSummary(
        exams=len(facts),
        patients=len({f.patient for f in facts}),
        planes=dict(sorted(Counter(f.plane or "unknown" for f in facts).items())),
        sides=dict(sorted(Counter(f.side or "unknown" for f in facts).items())),
        spacing_mm=_spread_of_three([f.spacing_mm for f in facts]),
        size_mm=_spread_of_three([f.size_mm for f in facts]),
        fov_mm=_spread([f.fov_mm(p) for f, p in zip(facts, planes, strict=True)]),
        slices=_spread([f.n_slices(p) for f, p in zip(facts, planes, strict=True)]),
        slices_with_bone=_spread([f.slices_with_bone[f.axis_for[p]] for f, p in zip(facts, planes, strict=True)]),
        inside_mean=_spread([f.inside.mean for f in facts]),
        outside_mean=_spread([f.outside.mean for f in facts]),
        volume_ml={n: _spread([f.structures[n].volume_ml for f in facts if n in f.structures]) for n in names},
    )


def _labels_digest(domain: Domain) -> str:
    return digest_of({name: list(domain.source_values[label]) for name, label in domain.labels.items()})


def _remembered(case: Case, domain: Domain, known: Fingerprint | None) -> Measured | None:
    before = known.domains.get(domain.name) if known else None
    facts = before.exams.get(case.name) if before else None
    if before is None or facts is None:
        return None
    if before.labels != _labels_digest(domain) or facts.source != source_digest(case):
        return None
    return Measured(domain.name, case.name, facts, ())


def _measure(task: Task) -> Measured:
    return measure(task.case, task.domain)


def _run(tasks: Sequence[Task], jobs: int) -> Iterator[Measured]:
    """Results as they come; an exam whose process died has that for its fault.

    Raises:
        RuntimeError: pedseg itself is at fault, which says nothing of the exam.
    """
    for task, result in run_tasks(_measure, tasks, jobs=jobs):
        if isinstance(result, Failure) and result.trace:
            log.warning("%s", result)
        if not isinstance(result, Failure):
            yield result
        elif isinstance(result.error, PedsegError):
            yield Measured(*task.key, None, (result.error,))
        else:
            raise RuntimeError(str(result))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(min=min(values), median=statistics.median(values), max=max(values))


def _spread_of_three(triples: Sequence[tuple[float, float, float]]) -> tuple[Spread, Spread, Spread]:
    i, j, k = (_spread(axis) for axis in zip(*triples, strict=True))
    return i, j, k
