"""One exam in the report: scores, doubts, and the bones in three planes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pedseg.domains import Domain
from pedseg.evaluation.scores import UNION, Score
from pedseg.report.overlay import Drawing, slider_viewer, still_viewer
from pedseg.report.page import Block, Bullets, Details, Section, TableBlock, Text
from pedseg.report.tables import NOTHING, Cell, Table
from pedseg.report.values import metric_title, shown
from pedseg.report.words import mean_of, with_unit
from pedseg.volumes import Volume

LOOK_AGAIN = "look again"
Badness = tuple[float, int, int]
_MEASURES = {
    "code distance": ("code_distance", "code_limit"),
    "reconstruction, Dice": ("reconstruction_dice", "reconstruction_limit"),
    "agreement of folds": ("agreement", "agreement_limit"),
}


@dataclass(frozen=True, eq=False)
class ExamView:
    """One exam as the report shows it.

    Args:
        exam: name, unique in its domain.
        domain: of the labels.
        image: grey values on the prediction's grid; None leaves the pictures' ground black.
        prediction: labels 0..n.
        reference: labels 0..n on the same grid; None where there is none.
        scores: of this exam.
        warnings: plain lines.
        plausibility: bone -> verdict and its measures, as in `prediction.json`; None where nothing was judged.
    """

    exam: str
    domain: Domain
    image: Volume | None
    prediction: Volume
    reference: Volume | None
    scores: tuple[Score, ...]
    warnings: tuple[str, ...] = ()
    plausibility: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def dice(self) -> float:
        """Mean over the bones, NaN left out; NaN where there is no reference."""
        return mean_of(s.value for s in bone_scores(self.scores, "dice"))

    @property
    def look_again(self) -> tuple[str, ...]:
        """Bones whose verdict asks for a second look."""
        return tuple(bone for bone, said in (self.plausibility or {}).items() if said.get("verdict") == LOOK_AGAIN)

    @property
    def badness(self) -> Badness:
        """Larger is worse: by Dice, then by bones to look at again, then by warnings."""
        dice = math.inf if math.isnan(self.dice) else self.dice
        return -dice, len(self.look_again), len(self.warnings)


def exam_section(view: ExamView) -> Section:
    """All about one exam but its slider."""
    blocks: list[Block] = [Text(_sentence(view)), still_viewer(_drawing(view), view.exam)]
    where = "Slices with most disagreement" if view.reference is not None else "Slices through most of the bones"
    red = ", the reference outlined in red" if view.reference is not None else ""
    blocks += [Text(f"{where}; bones in their colours{red}. Letters name the patient's sides.", "note")]
    if view.warnings:
        blocks.append(Bullets(view.warnings, "Warnings", "warning"))
    if view.scores:
        blocks.append(TableBlock(_score_table(view)))
    if view.plausibility:
        blocks.append(TableBlock(_plausibility_table(view)))
    return Section(view.exam, tuple(blocks), hint=_hint(view), new_sheet=True)


def exam_slider(view: ExamView) -> Details:
    """Slices through the whole exam."""
    return Details("Scroll through the slices", (slider_viewer(_drawing(view), view.exam),))


def bone_scores(scores: Iterable[Score], metric: str) -> tuple[Score, ...]:
    """Of single bones; of their union where there is nothing else."""
    found = tuple(s for s in scores if s.metric == metric)
    return tuple(s for s in found if s.structure != UNION) or found


def bone_title(domain: Domain, structure: str) -> str:
    """Such as `Femur (distal)`."""
    titles = {s.name: s.title or s.name for s in domain.structures}
    return titles.get(structure, "Union of bones" if structure == UNION else structure)


def _drawing(view: ExamView) -> Drawing:
    return Drawing(view.image, view.prediction, view.reference, view.domain)


def _sentence(view: ExamView) -> str:
    told = [f"{view.domain.title or view.domain.name}."]
    known = [s for s in bone_scores(view.scores, "dice") if not math.isnan(s.value)]
    if known:
        least = min(known, key=lambda s: s.value)
        own = {s.metric: s.value for s in view.scores if s.structure == least.structure}
        far = own.get("mssd_mm", math.nan)
        apart = "" if math.isnan(far) else f", surfaces up to {with_unit(far, 'mssd_mm')} apart"
        if own.get("volume_ml") == 0:
            apart = ", not found"
        told.append(
            f"Least agreement with the reference: {bone_title(view.domain, least.structure)}, "
            f"Dice {with_unit(least.value, 'dice')}{apart}."
        )
    if view.look_again:
        told.append(f"To look at again: {', '.join(bone_title(view.domain, b) for b in view.look_again)}.")
    return " ".join(told)


def _hint(view: ExamView) -> str:
    told = [] if math.isnan(view.dice) else [f"Dice {with_unit(view.dice, 'dice')}"]
    told += [f"look again: {len(view.look_again)}"] if view.look_again else []
    told += [f"warnings: {len(view.warnings)}"] if view.warnings and not told else []
    return ", ".join(told)


def _score_table(view: ExamView) -> Table:
    metrics = tuple(dict.fromkeys(s.metric for s in view.scores))
    structures = dict.fromkeys(s.structure for s in view.scores)
    values = {(s.structure, s.metric): s.value for s in view.scores}
    rows = tuple(
        (
            Cell(bone_title(view.domain, structure)),
            *(Cell(shown(values.get((structure, m), math.nan), m)) for m in metrics),
        )
        for structure in structures
    )
    return Table("Scores", ("bone", *map(metric_title, metrics)), rows)


def _plausibility_table(view: ExamView) -> Table:
    rows = tuple(
        (
            Cell(bone_title(view.domain, bone)),
            Cell(verdict := str(said.get("verdict", NOTHING)), "changed" if verdict == LOOK_AGAIN else ""),
            *(Cell(_against(said.get(value), said.get(limit))) for value, limit in _MEASURES.values()),
        )
        for bone, said in (view.plausibility or {}).items()
    )
    columns = ("bone", "verdict", *_MEASURES)
    return Table("Does it look like a training bone?", columns, rows, ("In brackets: the limit.",))


def _against(value: object, limit: object) -> str:
    """A measure and the limit it is held against."""
    if not isinstance(value, int | float) or math.isnan(value):
        return NOTHING
    return f"{value:.3g}" + (f" ({limit:.3g})" if isinstance(limit, int | float) else "")
