"""What a joint's exams come to: a sentence and a small table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pedseg.domains import Domain
from pedseg.evaluation.scores import MEAN, UNION, Method
from pedseg.report.exam import ExamView, bone_title
from pedseg.report.page import Block, Section, TableBlock, Text
from pedseg.report.tables import NOTHING, Cell, Table
from pedseg.report.values import metric_title, shown
from pedseg.report.words import mean_of, mean_text, unbroken, with_unit

METRICS = ("dice", "assd_mm", "mssd_mm")
_VOLUME, _TRUE_VOLUME = "volume_ml", "reference_volume_ml"
_NAMED = 6
Values = dict[str, float]
"""Exam -> value."""


@dataclass(frozen=True)
class Doubt:
    """What is doubtful about an exam.

    Args:
        exam, domain: whose.
        judged: whether anything looked.
        look_again: bones.
        warnings: how many.
    """

    exam: str
    domain: str
    judged: bool
    look_again: tuple[str, ...]
    warnings: int


def doubt_of(view: ExamView) -> Doubt:
    """The few facts of an exam that outlive its pictures."""
    return Doubt(view.exam, view.domain.name, bool(view.plausibility), view.look_again, len(view.warnings))


def joint_summary(domain: Domain, methods: Sequence[Method], doubts: Sequence[Doubt], *, main: str = "") -> Section:
    """A joint's summary; of several methods sentence and bones are those of one, which is named.

    Args:
        domain: the joint.
        methods: their scores.
        doubts: of all exams; those of other joints are left aside.
        main: name of the method that the doubts are of; empty: the first one.
    """
    own = [d for d in doubts if d.domain == domain.name]
    chosen = next((m for m in methods if m.name == main), methods[0] if methods else None)
    first = _Joint(domain, chosen) if chosen else None
    of = f"{first.name}:" if first and len(methods) > 1 else ""
    blocks: list[Block] = [Text(" ".join(filter(None, (of, _agreement(first, len(own)), _doubts(own)))), "lead")]
    if first and first.structures:
        blocks.append(TableBlock(_bone_table(first)))
    if len(methods) > 1:
        blocks.append(TableBlock(_method_table([_Joint(domain, m) for m in methods])))
    return Section(domain.title or domain.name, tuple(blocks))


class _Joint:
    """A method's scores of one joint."""

    def __init__(self, domain: Domain, method: Method) -> None:
        self.domain, self.name = domain, method.name
        self._values: dict[tuple[str, str], Values] = {}
        for s in method.scores:
            if s.domain == domain.name:
                self._values.setdefault((s.structure, s.metric), {})[s.exam] = s.value
        self.structures = tuple(dict.fromkeys(structure for structure, _ in self._values))
        self.exams = tuple(dict.fromkeys(s.exam for s in method.scores if s.domain == domain.name))
        self.bones = tuple(s for s in self.structures if s != UNION)
        self.compared = any(metric == METRICS[0] for _, metric in self._values)

    def of(self, structure: str, metric: str) -> Values:
        """Of a structure, or of `mean`: the mean over an exam's bones."""
        if structure != MEAN:
            return self._values.get((structure, metric), {})
        bones = self.bones or self.structures
        return {exam: mean_of(self.of(b, metric).get(exam, math.nan) for b in bones) for exam in self.exams}

    def worst(self, structure: str) -> tuple[str, float] | None:
        """The exam with the least Dice."""
        known = [(value, exam) for exam, value in self.of(structure, METRICS[0]).items() if not math.isnan(value)]
        return (min(known)[1], min(known)[0]) if known else None


def _agreement(joint: _Joint | None, pictured: int) -> str:
    n = len(joint.exams) if joint and joint.exams else pictured
    if n == 0:
        return "No exam."
    count = f"{n} exam{'' if n == 1 else 's'}"
    if joint is None or not joint.compared:
        return f"{count} without a reference."
    dice, assd, mssd = (mean_text(joint.of(MEAN, m).values(), m) for m in METRICS)
    if dice == NOTHING:
        return f"{count}. No bone in any mask or reference."
    told = f"{count}. Bones and references overlap with a Dice of {dice} %"
    lost = _not_found(joint)
    if assd != NOTHING and not lost:  # the diagonal that stands for a bone that was not found is no distance
        told += f"; their surfaces are {assd} mm apart on average (ASSD), a bone's farthest points {mssd} mm (MSSD)"
    worst = joint.worst(MEAN)
    least = f" Least agreement: {worst[0]}, Dice {with_unit(worst[1], 'dice')}." if worst else ""
    return unbroken(f"{told}.") + lost + least


def _not_found(joint: _Joint) -> str:
    """Bones that the reference shows and the prediction lacks."""
    told = []
    for bone in joint.bones or joint.structures:
        found, there = joint.of(bone, _VOLUME), joint.of(bone, _TRUE_VOLUME)
        shown_in = [exam for exam, volume in there.items() if volume > 0]
        lost = sum(found.get(exam, math.nan) == 0 for exam in shown_in)
        told += [f"{_title(joint.domain, bone)} in {lost} of {len(shown_in)} exams"] if lost else []
    return f" Not found: {', '.join(told)}." if told else ""


def _doubts(doubts: Sequence[Doubt]) -> str:
    told = []
    again = [d.exam for d in doubts if d.look_again]
    if again:
        more = f" and {len(again) - _NAMED} more" if len(again) > _NAMED else ""
        told.append(f"To look at again: {', '.join(again[:_NAMED])}{more}.")
    elif doubts and all(d.judged for d in doubts):
        told.append("Every bone that was judged looks like a training bone.")
    if warned := sum(d.warnings > 0 for d in doubts):
        told.append(f"{warned} exam{'' if warned == 1 else 's'} with warnings.")
    return " ".join(told)


def _bone_table(joint: _Joint) -> Table:
    metrics = METRICS if joint.compared else (_VOLUME,)
    mean = [MEAN] if len(joint.bones) > 1 and joint.compared else []
    structures = [*joint.bones, *mean, *({UNION} & {*joint.structures})]
    rows = []
    for structure in structures:
        values = [joint.of(structure, metric) for metric in metrics]
        known = sum(not math.isnan(v) for v in values[0].values())
        row = [_title(joint.domain, structure), str(known), *map(mean_text, (v.values() for v in values), metrics)]
        worst = joint.worst(structure)
        row += [f"{worst[0]}, {shown(worst[1], 'dice')}" if worst else NOTHING] if joint.compared else []
        rows.append(tuple(map(Cell, row)))
    columns = ("bone", "exams", *map(metric_title, metrics), *(("worst exam, Dice",) if joint.compared else ()))
    return Table(f"{joint.name}: mean ± standard deviation over exams", columns, tuple(rows))


def _method_table(joints: Sequence[_Joint]) -> Table:
    """Means of bones beside means of bones; of methods that all know the union alone, unions beside unions."""
    bones = any(joint.bones for joint in joints)
    apart = [joint.name for joint in joints if bones and joint.structures and not joint.bones]
    rows = tuple(
        (
            Cell(joint.name),
            Cell(str(len(joint.exams))),
            *(Cell(NOTHING if joint.name in apart else mean_text(joint.of(MEAN, m).values(), m)) for m in METRICS),
        )
        for joint in joints
    )
    title = f"Methods: {'means of bones' if bones else 'union of bones'}, mean ± standard deviation"
    notes = (f"Only the union of bones is known of {', '.join(apart)}: never set beside means of bones.",)
    return Table(title, ("method", "exams", *map(metric_title, METRICS)), rows, notes if apart else ())


def _title(domain: Domain, structure: str) -> str:
    return "Mean of bones" if structure == MEAN else bone_title(domain, structure)
