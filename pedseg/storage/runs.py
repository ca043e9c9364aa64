"""Trained runs on disk, without their networks: which folds are finished, and what they made of left-out exams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pedseg.errors import ModelError, UsageError
from pedseg.json_files import read_json
from pedseg.plan import Fold, Plan, load_plan
from pedseg.storage.cases import Case, planned_case
from pedseg.workspace import Workspace, file_digest

WEIGHTS = Path("models/model.pt")
SOURCE = Path("models/source.pt")
PLAN = Path("configs/plan.json")
MANIFEST = Path("run.json")
LABELS, RECORD = "labels.nii.gz", "prediction.json"
"""Of a prediction's folder; the record is what says that it stands."""
Part = Literal["test", "validation"]


@dataclass(frozen=True)
class KeptPrediction:
    """What a fold made of an exam it has not trained on.

    Args:
        fold: its number, such as "0".
        domain: of the exam.
        exam: name, unique in its domain.
        labels: `labels.nii.gz`, on the exam's own grid.
        record: `prediction.json`.
    """

    fold: str
    domain: str
    exam: str
    labels: Path
    record: Path

    @property
    def folder(self) -> Path:
        """Holds both files."""
        return self.record.parent


@dataclass(frozen=True)
class RunPredictions:
    """What a run's folds made of their test exams.

    Args:
        plan: of all of them.
        predictions: fold by fold, in the order of the plan.
        finished: numbers of trained folds.
        unfinished: numbers of the plan's other folds.
        missing: (fold, domain, exam) of test exams of finished folds that have no prediction.
    """

    plan: Plan
    predictions: tuple[KeptPrediction, ...]
    finished: tuple[str, ...]
    unfinished: tuple[str, ...]
    missing: tuple[tuple[str, str, str], ...]

    @property
    def untested(self) -> tuple[tuple[str, str], ...]:
        """(domain, exam) that no fold of the plan tests: leave-one-out has as many folds as the smallest domain."""
        tested = {key for fold in self.plan.folds for key in left_out(fold, "test")}
        return tuple(key for key in plan_exams(self.plan) if key not in tested)

    def cases(self, workspace: Workspace) -> dict[tuple[str, str], Case]:
        """(domain, exam) -> image and reference in a workspace.

        Raises:
            InputError: PS-A135 an exam is not there any more.
        """
        asked = ((p.domain, p.exam) for p in self.predictions)
        return {key: planned_case(workspace, self.plan.domain_plan(key[0]), key[1]) for key in asked}


def find_test_predictions(run: Path) -> RunPredictions:
    """The test predictions of all finished folds of a run.

    Args:
        run: `runs/<plan>/<run>/`, or a copy of it.

    Raises:
        ModelError: PS-A123 no numbered fold is finished, PS-A87 folds of different plans, PS-A136 an exam that two
            folds test, PS-A137 a prediction that the fold's present weights did not make.
    """
    plan, finished = run_plan(run)
    _check_tested_once(plan, finished)
    found, missing = [], []
    for kept in _expected(run, plan, finished, "test"):
        if not kept.record.is_file():
            missing.append((kept.fold, kept.domain, kept.exam))
        elif not is_current(kept.folder, plan.digest, weights_of(run / f"fold_{kept.fold}")):
            place = kept.folder.relative_to(run).as_posix()
            text = f"{place} was made with other weights than fold_{kept.fold} has now, or is damaged"
            raise ModelError("PS-A137", f"{text}: run pedseg_train {kept.fold} again, it predicts anew")
        else:
            found.append(kept)
    left = tuple(str(i) for i in range(len(plan.folds)) if str(i) not in finished)
    return RunPredictions(plan, tuple(found), finished, left, tuple(missing))


def kept_predictions(run: Path, part: Part) -> tuple[KeptPrediction, ...]:
    """Predictions that stand, of the test or the validation exams of finished folds; others are passed over.

    Raises:
        ModelError: PS-A123, PS-A87 as in `find_test_predictions`.
    """
    plan, finished = run_plan(run)
    expected = _expected(run, plan, finished, part)
    return tuple(k for k in expected if is_current(k.folder, plan.digest, weights_of(run / f"fold_{k.fold}")))


def run_plan(run: Path) -> tuple[Plan, tuple[str, ...]]:
    """The plan that the finished folds of a run share, and their numbers in order.

    Raises:
        ModelError: PS-A123 no numbered fold is finished, PS-A87 folds of different plans, PS-A86 a damaged file.
    """
    numbers = sorted(int(n) for p in run.glob(f"fold_*/{MANIFEST}") if (n := p.parent.name[5:]).isdigit())
    if not numbers:
        raise ModelError("PS-A123", f"no finished fold with test exams in {run}: run pedseg_train every")
    return common_plan([run / f"fold_{n}" for n in numbers]), tuple(map(str, numbers))


def common_plan(folds: Sequence[Path]) -> Plan:
    """The one plan by which all of these folds were trained.

    Raises:
        ModelError: PS-A87 folds of different plans, PS-A86 a damaged file.
    """
    plans = [fold_plan(fold) for fold in folds]
    if len({p.digest for p in plans}) > 1:
        names = ", ".join(f"{f.name} {p.digest[:8]}" for f, p in zip(folds, plans, strict=True))
        raise ModelError("PS-A87", f"folds were trained by different plans ({names}): train them again or pick one")
    return plans[0]


def plan_exams(plan: Plan) -> tuple[tuple[str, str], ...]:
    """(domain, exam) of every exam that a plan knows, in order of the domains."""
    known = {(part.domain.name, name) for part in plan.domains for name in part.cases}
    for fold in plan.folds:
        known |= {(d, n) for exams in (fold.test, fold.validation, fold.train) for d in exams for n in exams[d]}
    return tuple((domain, exam) for domain in plan.domain_names for of, exam in sorted(known) if of == domain)


def left_out(fold: Fold, part: Part) -> Iterator[tuple[str, str]]:
    """(domain, exam) of a part of a fold, without exams that also train: of those a network would flatter itself."""
    exams: Mapping[str, tuple[str, ...]] = getattr(fold, part)
    return ((d, name) for d, names in exams.items() for name in names if name not in fold.train.get(d, ()))


def is_current(
    folder: Path, plan: str, weights: Mapping[str, str], *, postprocessed: bool | None = None
) -> bool:
    """Whether a kept prediction is whole and was made like this.

    Args:
        folder: of the prediction.
        plan: digest.
        weights: fold name -> digest.
        postprocessed: or as the network gave it; None: either.
    """
    try:
        record = read_json(folder / RECORD, "predict again")
        made_by = record["model"]
        same = postprocessed is None or record["postprocessed"] is postprocessed
        return same and (made_by["plan"], made_by["folds"]) == (plan, weights) and (folder / LABELS).is_file()
    except (UsageError, KeyError, TypeError):
        return False


def weights_of(fold: Path) -> dict[str, str]:
    """Name of a finished fold -> sha256 of its weights, as predictions name it."""
    return {fold.name: str(read_manifest(fold)["files"][WEIGHTS.as_posix()])}


def fold_plan(fold: Path) -> Plan:
    """The plan inside a finished fold.

    Raises:
        ModelError: PS-A123 not finished, PS-A86 a damaged file, PS-A87 another plan than `run.json` names.
    """
    check_file(fold, PLAN)
    plan = load_plan(fold / PLAN)
    if read_manifest(fold)["plan"] != plan.digest:
        raise ModelError("PS-A87", f"{fold.name}: run.json and {PLAN} differ: copy the fold again")
    return plan


def check_file(fold: Path, name: Path) -> None:
    """Refuse a file that is not the one `run.json` names.

    Raises:
        ModelError: PS-A86.
    """
    wanted = read_manifest(fold)["files"].get(name.as_posix())
    try:
        same = (fold / name).is_file() and file_digest(fold / name) == wanted
    except OSError as error:
        text = f"{fold.name}/{name} cannot be read ({error.strerror}): check its permissions"
        raise ModelError("PS-A86", text) from error
    if not same:
        raise ModelError("PS-A86", f"{fold.name}/{name} is missing or not the file run.json names: copy the fold again")


def read_manifest(fold: Path) -> dict[str, Any]:
    """`plan` (digest) and `files` (name -> sha256) of a finished fold.

    Raises:
        ModelError: PS-A123 not finished, PS-A86 damaged.
    """
    path = fold / MANIFEST
    if not path.is_file():
        raise ModelError("PS-A123", f"{fold.name} is not finished (no run.json): run pedseg_train again, it resumes")
    try:
        values = read_json(path, "copy the fold again")
        files = {str(name): str(digest) for name, digest in dict(values["files"]).items()}
        files[WEIGHTS.as_posix()]  # a finished fold has weights
        return {"plan": str(values["plan"]), "files": files}
    except (UsageError, ValueError, KeyError, TypeError) as error:
        raise ModelError("PS-A86", f"{fold.name}/run.json is damaged: copy the fold again") from error


def _expected(run: Path, plan: Plan, finished: Sequence[str], part: Part) -> Iterator[KeptPrediction]:
    for number in finished:
        for domain, exam in left_out(plan.folds[int(number)], part):
            folder = run / f"fold_{number}" / part / domain / exam
            yield KeptPrediction(number, domain, exam, folder / LABELS, folder / RECORD)


def _check_tested_once(plan: Plan, finished: Sequence[str]) -> None:
    tested: dict[tuple[str, str], str] = {}
    for number in finished:
        for domain, exam in left_out(plan.folds[int(number)], "test"):
            other = tested.setdefault((domain, exam), number)
            if other != number:
                text = f"{domain}/{exam} is a test exam of fold {other} and of fold {number}"
                raise ModelError("PS-A136", f"{text}: its score would count twice, correct the folds of the plan")
