"""Make the patients of a cohort, side by side; each is complete or absent."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from pedseg.cli import progress_hidden
from pedseg.errors import OutputError, UsageError
from pedseg.memory import GIB, Estimate, fitting_jobs
from pedseg.phantoms import Patient, draw_patient, make_exam, write_exam
from pedseg.phantoms.exam import make_stage
from pedseg.phantoms.protocol import LEAST_MATRIX
from pedseg.workspace import Workspace
from pedseg_phantom.options import PhantomOptions

log = logging.getLogger("pedseg.phantom")
LIBRARIES = 0.095
"""GiB of a process that makes exams, before it makes one."""
VOXEL_BYTES = 6.2
Work = tuple[Patient, Path, PhantomOptions]


def write_cohort(domains: Sequence[str], n: int, output: Path | str | None, options: PhantomOptions) -> list[Path]:
    """See `pedseg_phantom.pedseg_phantom`."""
    if n < 1 or options.start < 0:
        raise UsageError("PS-A120", f"at least 1 patient from index 0 on is needed, got n={n}, start={options.start}")
    if options.matrix is not None and options.matrix < LEAST_MATRIX:
        raise UsageError("PS-A120", f"a matrix of at least {LEAST_MATRIX} is needed, got {options.matrix}")
    indices = range(options.start, options.start + n)
    patients = [draw_patient(domain, options.seed, i) for domain in dict.fromkeys(domains) for i in indices]
    works = [(patient, _case_folder(output, patient), options) for patient in patients]
    folders = [folder for _, folder, _ in works]
    if not options.overwrite:
        _refuse_existing(folders)
    jobs = fitting_jobs(log, estimate(works), min(options.jobs or os.cpu_count() or 1, len(works)))
    for _ in tqdm(_finished(works, jobs), total=len(works), desc="phantoms", disable=progress_hidden()):
        pass
    log.info("%d exams of %s written to %s", len(works), ", ".join(dict.fromkeys(domains)), folders[0].parent.parent)
    return folders


def _case_folder(output: Path | str | None, patient: Patient) -> Path:
    domain = Path(output) / patient.domain if output is not None else Workspace.find().raw(patient.domain)
    return domain / patient.name


def _refuse_existing(folders: Sequence[Path]) -> None:
    if existing := [f.name for f in folders if f.exists()]:
        raise OutputError(
            "PS-A104", f"{len(existing)} of {len(folders)} cases exist, such as {existing[0]}: "
            "choose another place, another --start, or add --overwrite",
        )  # fmt: skip


def estimate(works: Sequence[Work]) -> Estimate:
    """Memory for the largest of the exams: what its voxels are made of, and a few slices in full."""
    voxels = (math.prod(make_stage(p, matrix=options.matrix)[1].shape) for p, _, options in works)
    return Estimate(LIBRARIES, VOXEL_BYTES * max(voxels) / GIB)


def _finished(works: Sequence[Work], jobs: int) -> Iterator[None]:
    """One item for each case written."""
    if jobs == 1:
        yield from map(_make, works)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            for future in as_completed([pool.submit(_make, work) for work in works]):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _make(work: Work) -> None:
    patient, folder, options = work
    exam = make_exam(patient, matrix=options.matrix)
    write_exam(exam, folder, format=options.format, overwrite=options.overwrite)
