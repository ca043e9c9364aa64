"""Make the patients of a cohort, side by side; each is complete or absent."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pedseg.cli import progress_hidden
from pedseg.errors import OutputError, PedsegError, UsageError
from pedseg.memory import GIB, Estimate, fitting_jobs
from pedseg.phantoms import Patient, draw_patient, make_exam, write_exam
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.files import is_phantom
from pedseg.phantoms.protocol import LEAST_MATRIX
from pedseg.workers import Failure, run_tasks
from pedseg.workspace import Workspace
from pedseg_phantom.options import PhantomOptions

log = logging.getLogger("pedseg.phantom")
LIBRARIES = 0.095
"""GiB of a process that makes exams, before it makes one."""
VOXEL_BYTES = 6.2


@dataclass(frozen=True)
class Work:
    """An exam to make.

    Args:
        patient: whose.
        folder: of the case.
        options: of the cohort.
    """

    patient: Patient
    folder: Path
    options: PhantomOptions

    @property
    def key(self) -> tuple[str, str]:
        """Names of the domain and the case."""
        return self.patient.domain, self.patient.name



def write_cohort(domains: Sequence[str], n: int, output: Path | str | None, options: PhantomOptions) -> list[Path]:
    """See `pedseg_phantom.pedseg_phantom`."""
    if n < 1 or options.start < 0:
        raise UsageError("PS-A120", f"at least 1 patient from index 0 on is needed, got n={n}, start={options.start}")
    if options.matrix is not None and options.matrix < LEAST_MATRIX:
        raise UsageError("PS-A120", f"a matrix of at least {LEAST_MATRIX} is needed, got {options.matrix}")
    indices = range(options.start, options.start + n)
    patients = [draw_patient(domain, options.seed, i) for domain in dict.fromkeys(domains) for i in indices]
    works = [Work(patient, _case_folder(output, patient), options) for patient in patients]
    folders = [work.folder for work in works]
    _refuse_existing(folders, overwrite=options.overwrite)
    jobs = fitting_jobs(log, estimate(works), min(options.jobs or os.cpu_count() or 1, len(works)))
    for _ in tqdm(_finished(works, jobs), total=len(works), desc="phantoms", disable=progress_hidden()):
        pass
    log.info("%d exams of %s written to %s", len(works), ", ".join(dict.fromkeys(domains)), folders[0].parent.parent)
    return folders


def _case_folder(output: Path | str | None, patient: Patient) -> Path:
    domain = Path(output) / patient.domain if output is not None else Workspace.find().raw(patient.domain)
    return domain / patient.name


def _refuse_existing(folders: Sequence[Path], *, overwrite: bool) -> None:
    existing = [f.name for f in folders if f.exists() or f.is_symlink()]
    if overwrite:
        if foreign := [f.name for f in folders if f.name in existing and not is_phantom(f)]:
            text = f"{len(foreign)} of {len(folders)} cases are no phantoms, such as {foreign[0]}"
            raise OutputError("PS-A104", f"{text}: choose another place, or another --start")
    elif existing:
        raise OutputError(
            "PS-A104", f"{len(existing)} of {len(folders)} cases exist, such as {existing[0]}: "
            "choose another place, another --start, or add --overwrite",
        )  # fmt: skip


def estimate(works: Sequence[Work]) -> Estimate:
    """Memory for the largest of the exams: what its voxels are made of, and a few slices in full."""
    voxels = (math.prod(make_stage(w.patient, matrix=w.options.matrix)[1].shape) for w in works)
    return Estimate(LIBRARIES, VOXEL_BYTES * max(voxels) / GIB)


def _finished(works: Sequence[Work], jobs: int) -> Iterator[Path]:
    """The folder of each case written.

    Raises:
        PedsegError: the first that could not be.
    """
    for _, result in run_tasks(_make, works, jobs=jobs):
        if isinstance(result, Failure):
            if result.trace:
                log.warning("%s", result)
            raise result.error if isinstance(result.error, PedsegError) else RuntimeError(str(result))
        yield result


def _make(work: Work) -> Path:
    exam = make_exam(work.patient, matrix=work.options.matrix)
    write_exam(exam, work.folder, format=work.options.format, overwrite=work.options.overwrite)
    return work.folder
