"""Exams for the report's tests, and a report of phantoms for a person to look at: `python example_report.py r.html`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from pedseg.domains import Domain, load_domains
from pedseg.evaluation.representation import AttentionMaps
from pedseg.evaluation.scores import UNION, Method, Score
from pedseg.phantoms.exam import make_exam
from pedseg.phantoms.patient import draw_patient
from pedseg.report.evaluation import EvaluationReport, ExamView, evaluation_page
from pedseg.report.page import Picture, write_page
from pedseg.report.representations import Scatter, attention_figure, scatter_figure
from pedseg.report.tables import Cell, Table
from pedseg.volumes import Volume

JOINTS = ("ankle", "knee", "shoulder")


def small_view(exam: str, domain: Domain, *, shift: int = 1, referenced: bool = True, **changes: object) -> ExamView:
    """A block a bone, moved by some voxels against its reference, in an exam of 24 x 20 x 10."""
    labels = np.zeros((24, 20, 10), np.uint8)
    width = 16 // len(domain.structures)
    for label in domain.labels.values():
        labels[2 + (label - 1) * width : 2 + label * width - 1, 4:14, 2:8] = label
    image = Volume(np.where(labels > 0, 200, 20).astype(np.int16), np.diag([1.0, 1.0, 3.0, 1.0]), slice_axis=2)
    reference, prediction = image.with_array(labels), image.with_array(np.roll(labels, shift, axis=1))
    scores = scored(exam, domain, prediction, reference)
    known = scores if referenced else tuple(s for s in scores if s.metric == "volume_ml")
    view = ExamView(exam, domain, image, prediction, reference if referenced else None, known)
    return replace(view, **changes)  # type: ignore[arg-type]


def bent(labels: np.ndarray, seed: int, *, voxels: float = 2.0) -> np.ndarray:
    """Labels moved to and fro by some voxels, smoothly: a segmentation that is right here and wrong there."""
    draw = np.random.default_rng(seed)
    moves = ndimage.gaussian_filter(draw.normal(size=(3, *labels.shape)), (0, 14, 14, 6))
    moves *= voxels / moves.std()
    index = np.meshgrid(*map(np.arange, labels.shape), indexing="ij")
    return ndimage.map_coordinates(labels, [i + m for i, m in zip(index, moves, strict=True)], order=0)


def scored(exam: str, domain: Domain, prediction: Volume, reference: Volume) -> tuple[Score, ...]:
    """Dice as it is; distances in the right order of size."""
    scores = []
    for name, label in (*domain.labels.items(), (UNION, 0)):
        a, b = ((v.array == label) if label else (v.array > 0) for v in (prediction, reference))
        dice = 2 * float((a & b).sum()) / float(a.sum() + b.sum())
        values = {"dice": dice, "assd_mm": 9 * (1 - dice), "mssd_mm": 60 * (1 - dice),
                  "volume_ml": float(a.sum()) * prediction.geometry.voxel_mm3 / 1000}  # fmt: skip
        scores += [Score(exam, domain.name, name, metric, value) for metric, value in values.items()]
    return tuple(scores)


def phantoms(domains: Sequence[Domain], n: int, matrix: int) -> Iterator[ExamView]:
    """Phantoms with bent references as predictions."""
    for domain in domains:
        for i in range(n):
            made = make_exam(draw_patient(domain.name, 0, i), matrix=matrix)
            prediction = made.labels.with_array(bent(made.labels.array, i))
            name = made.patient.name
            scores = scored(name, domain, prediction, made.labels)
            said = {bone: {"verdict": "looks like a training bone" if k or i else "look again", "code_distance": 1.234,
                           "code_limit": 1.1, "reconstruction_dice": 0.87, "reconstruction_limit": 0.9}
                    for k, bone in enumerate(domain.labels)}  # fmt: skip
            warnings = ("PS-W122: the spacing is far from the exams of training",) if i else ()
            yield ExamView(name, domain, made.image, prediction, made.labels, scores, warnings, said)


def report(n: int = 2, matrix: int = 192) -> EvaluationReport:
    """A report with everything in it."""
    domains = load_domains(JOINTS)
    draw = np.random.default_rng(0)
    shifts = {"dsl": 0.0, "shared": 0.02}
    methods = tuple(Method(name, tuple(_scores(domains, draw, shift))) for name, shift in shifts.items())
    rows = tuple(
        tuple(Cell(*cell) for cell in row)
        for row in (
            [("dsl",), ("93.1 ± 2.0", "best"), ("0.62 ± 0.21", "best"), ("6.0 ± 1.9", "second")],
            [("shared",), ("91.0 ± 2.2", "p01"), ("0.81 ± 0.30", "p05"), ("5.9 ± 2.4", "best")],
        )
    )
    spiders = {
        d.name: {f"{d.name}_{i:03d}": {m.name: _spokes(draw) for m in methods} for i in range(6)} for d in domains
    }
    return EvaluationReport(
        "Evaluation of dsl on phantoms", domains, phantoms(domains, n, matrix), methods,
        "Leave-one-out over patients, with shared as the method to compare with.",
        (Table("Knee, mean ± std over exams", ("method", "Dice, %", "ASSD, mm", "MSSD, mm"), rows),),
        spiders=spiders,
        representations=_pictures(draw),
        curves={f"fold {i}": [{"epoch": e, "loss": 1 / e, "dice": 1 - 0.5 / e, "dice_knee": 1 - 0.6 / e, "seconds": 1.0}
                for e in range(1, 9)] for i in range(2)},
        facts={"pedseg": "0.1", "plan": "0" * 64},
    )  # fmt: skip


def _scores(domains: Sequence[Domain], draw: np.random.Generator, shift: float) -> Iterator[Score]:
    for d in domains:
        for i in range(7):
            for bone in (*d.labels, UNION):
                dice = float(np.clip(0.94 - shift + draw.normal(0, 0.02), 0, 1))
                values = {"dice": dice, "assd_mm": 9 * (1 - dice), "mssd_mm": abs(draw.normal(6, 2))}
                yield from (Score(f"{d.name}_{i:03d}", d.name, bone, m, float(v)) for m, v in values.items())


def _spokes(draw: np.random.Generator) -> dict[str, float]:
    return {m: float(draw.uniform(40, 95)) for m in ("dice", "sensitivity", "mssd_mm", "assd_mm", "ravd")}


def _pictures(draw: np.random.Generator) -> tuple[Picture, ...]:
    points = [draw.normal(centre, 1, (60, 2)) for centre in ((0, 0), (5, 0), (0, 5))]
    images, maps = draw.normal(size=(2, 64, 64)), np.tile(np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) / 1.5, (2, 1, 1))
    rows = [AttentionMaps(domain, images, maps, ("slice 1", "slice 2")) for domain in load_domains(JOINTS)]
    tsne = scatter_figure([Scatter(f"scale {k}", points) for k in range(1, 6)], JOINTS)
    return (
        Picture(tsne, "t-SNE of embeddings", "t-SNE of embeddings, a panel a scale."),
        Picture(attention_figure(rows), "Attention over slices", "Attention of the gate of highest resolution."),
    )


if __name__ == "__main__":
    write_page(evaluation_page(report()), Path(sys.argv[1]))
