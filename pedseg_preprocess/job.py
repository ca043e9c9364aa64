"""The preprocess job: which exams are due, do them, say what came of it."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pedseg.cli import progress_hidden
from pedseg.errors import InputError, Notice
from pedseg.memory import GIB, Estimate, fitting_jobs
from pedseg.plan import load_plan
from pedseg.plan.spec import DomainPlan, cache_digest
from pedseg.storage.cache import Manifest, entry_bytes, read_entry
from pedseg.storage.cases import exam_folder, find_cases, source_digest
from pedseg.storage.sizes import size_of
from pedseg.workers import Failure, run_tasks
from pedseg.workspace import Workspace
from pedseg_preprocess.exam import Task, preprocess_exam

log = logging.getLogger("pedseg.preprocess")
LIBRARIES = 0.09
"""GiB of a process that reads exams, before it reads one."""
VOXEL_BYTES = 8.5
Manifests = dict[tuple[str, str], Manifest]
"""By names of domain and case."""


@dataclass(frozen=True)
class Summary:
    """The cache after a run.

    Args:
        entries: manifests by domain, in the order of the plan.
        made: how many of them this run made.
        failures: exams without an entry.
    """

    entries: dict[str, tuple[Manifest, ...]]
    made: int
    failures: tuple[Failure, ...]

    @property
    def total_bytes(self) -> int:
        """Size of all arrays on disk."""
        return sum(entry_bytes(m) for members in self.entries.values() for m in members)


def fill_cache(workspace: Path | str | None, name: str, *, jobs: int, overwrite: bool) -> Summary:
    """See `pedseg_preprocess.pedseg_preprocess`."""
    space = Workspace.find(workspace)
    plan = load_plan(space.plan(name).plan)
    tasks: list[Task] = []
    failures: list[Failure] = []
    for part in plan.domains:
        found, missing = _tasks(part, space, name)
        tasks += found
        failures += missing
    done = {} if overwrite else _whole_entries(tasks)
    todo = [task for task in tasks if task.key not in done]
    jobs = fitting_jobs(log, estimate(todo), min(jobs, len(todo))) if todo else 1
    if len(todo) < len(tasks):
        log.info("%d of %d exams are in the cache already", len(tasks) - len(todo), len(tasks))
    made, failed = _run(todo, jobs)
    done |= made
    entries = {p.domain.name: tuple(done[t.key] for t in tasks if t.plan is p and t.key in done) for p in plan.domains}
    return Summary(entries, len(made), (*failures, *failed))


def estimate(tasks: Sequence[Task]) -> Estimate:
    """Memory for the largest of the exams: grey values as stored, normalised and copied, and their slices twice."""
    sizes = [(size_of(task.case.image), task.plan) for task in tasks]
    exams = (VOXEL_BYTES * s.voxels + (6 + 4 * p.label_detail**2) * s.slices * p.window**2 for s, p in sizes)
    return Estimate(LIBRARIES, max(exams, default=0) / GIB)


def ceiling_table(entries: dict[str, tuple[Manifest, ...]]) -> str:
    """Mean and smallest ceiling of every structure over the exams of its domain, as lines of text."""
    lines = [f"{'domain':<12}{'structure':<20}{'exams':>6}{'mean':>9}{'lowest':>9}"]
    for domain, members in entries.items():
        for name in members[0].ceiling if members else ():
            scores = [score for m in members if (score := m.ceiling[name]) is not None]
            mean = f"{statistics.mean(scores):9.4f}{min(scores):9.4f}" if scores else f"{'-':>9}{'-':>9}"
            lines.append(f"{domain:<12}{name:<20}{len(scores):>6}{mean}")
    return "\n".join(lines)


def _tasks(plan: DomainPlan, space: Workspace, name: str) -> tuple[list[Task], list[Failure]]:
    """Planned exams as tasks; those whose files are gone as failures."""
    folder = space.cache(name, plan.domain.name)
    there = {case.name: case for case in find_cases(exam_folder(space, plan))}
    tasks = [Task(plan, there[case], folder) for case in plan.cases if case in there]
    gone = InputError("PS-A122", "planned, but its files are gone: bring them back, or run pedseg_plan again")
    return tasks, [Failure((plan.domain.name, case), gone) for case in plan.cases if case not in there]


def _run(todo: list[Task], jobs: int) -> tuple[Manifests, list[Failure]]:
    """Do exams, each told of as it comes."""
    made: Manifests = {}
    failures: list[Failure] = []
    with tqdm(total=len(todo), desc="preprocess", unit="exam", disable=progress_hidden(), delay=1) as bar:
        for task, result in run_tasks(preprocess_exam, todo, jobs=jobs):
            bar.update()
            if isinstance(result, Failure):
                failures.append(result)
                log.warning("%s", result)
            else:
                made[task.key] = result
                _tell(task, result)
    return made, failures


def _whole_entries(tasks: Iterable[Task]) -> Manifests:
    """Entries that were made from these very files under these very decisions, every byte as written."""
    return {task.key: manifest for task in tasks if (manifest := _whole_entry(task))}


def _whole_entry(task: Task) -> Manifest | None:
    if not (task.folder / f"{task.case.name}.json").is_file():
        return None
    try:
        manifest = read_entry(task.folder, task.case.name, verify=True).manifest
    except InputError as error:
        log.warning("%s", Notice("PS-W85", f"{task.plan.domain.name}/{error.message}; made again now"))
        return None
    made_from = (manifest.plan_digest, manifest.source_digest)
    return manifest if made_from == (cache_digest(task.plan), source_digest(task.case)) else None


def _tell(task: Task, manifest: Manifest) -> None:
    for code, text in manifest.notices:
        log.info("%s/%s: %s", *task.key, Notice(code, text))
