"""The whole report as a page."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from example_report import JOINTS, small_view

from pedseg.domains import load_domains
from pedseg.evaluation.scores import Method, Score
from pedseg.plan import DomainPlan, ObjectiveSpec, Plan
from pedseg.report import evaluation
from pedseg.report.evaluation import EvaluationReport, ExamView, evaluation_page
from pedseg.report.page import Bullets, Details, Page, Picture, Section, TableBlock, Text, write_page
from pedseg.report.tables import Cell, Table

DOMAINS = load_domains(JOINTS)
KNEE = DOMAINS[1]
ROWS = [{"epoch": 1, "loss": 1.0, "dice": 0.5, "seconds": 1.0}]


def page(exams: list[ExamView], **fields: Any) -> Page:
    return evaluation_page(EvaluationReport("t", DOMAINS, exams, **fields))


def section(made: Page, title: str) -> Section:
    (found,) = (s for s in made.sections if s.title == title)
    return found


def shown(made: Page) -> list[Section]:
    return [block for block in section(made, "Exams").blocks if isinstance(block, Section)]


def test_exams_come_worst_first_and_the_worst_can_be_scrolled_through() -> None:
    exams = [small_view(f"knee_{i}", KNEE, shift=shift) for i, shift in enumerate((1, 4, 0, 3, 2))]
    made = shown(page(exams, sliders=2))
    assert [s.title for s in made] == ["knee_1", "knee_3", "knee_4", "knee_0", "knee_2"]
    assert [isinstance(s.blocks[-1], Details) for s in made] == [True, True, False, False, False]
    assert [s.new_sheet for s in made] == [False, True, True, True, True]  # the heading goes with the first
    without = page(exams[:1], sliders=0)
    assert section(without, "Exams").new_sheet
    assert not any(isinstance(s.blocks[-1], Details) for s in shown(without))


def test_a_slider_is_drawn_only_for_an_exam_among_the_worst_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def slider(view: ExamView) -> Details:
        drawn.append(view.exam)
        return Details(view.exam, (Text("x"),))

    monkeypatch.setattr(evaluation, "exam_slider", slider)
    made = shown(page([small_view(f"e{s}", KNEE, shift=s) for s in (4, 3, 1, 2, 0)], sliders=2))
    assert drawn == ["e4", "e3"]
    assert [s.blocks[-1].summary for s in made if isinstance(s.blocks[-1], Details)] == ["e4", "e3"]


def test_one_exam_at_a_time_is_in_memory() -> None:
    alive: list[int] = []
    held: list[weakref.ref[ExamView]] = []

    def exams() -> Iterator[ExamView]:
        for i in range(4):
            alive.append(sum(ref() is not None for ref in held))
            view = small_view(f"e{i}", KNEE)
            held.append(weakref.ref(view))
            yield view
            del view

    assert len(shown(evaluation_page(EvaluationReport("t", DOMAINS, exams(), sliders=1)))) == 4
    assert alive == [0, 0, 0, 0]


def test_sections_without_anything_in_them_are_left_out() -> None:
    titles = [s.title for s in page([]).sections]
    assert titles == ["Summary"]
    everything = page(
        [small_view("knee_0", KNEE)],
        tables=(Table("t", ("a",), ((Cell("b"),),)),),
        spiders={"knee": {"knee_0": {"dsl": {"dice": 90.0, "assd_mm": 80.0, "ravd": 70.0}}}},
        representations=(Text("x"),),
        curves={"fold 0": ROWS, "fold 1": []},
        plans={"run": plan()},
        facts={"pedseg": "1"},
    )
    assert [s.title for s in everything.sections] == [
        "Summary", "Tables", "Box plots", "Exams", "Spider plots", "Representations", "Training", "Plan", "Versions",
    ]  # fmt: skip
    assert len(section(everything, "Training").blocks) == 1
    joints = section(everything, "Summary").blocks
    assert [s.title for s in joints if isinstance(s, Section)] == ["Ankle", "Knee", "Shoulder"]


def plan() -> Plan:
    part = DomainPlan(domain=KNEE, plane="sagittal", spacing_mm=0.6, why={"plane": "as acquired"})
    return Plan(domains=(part,), objective=ObjectiveSpec(name="ce"), why={"epochs": "B, table 2"})


def test_a_plan_stands_with_its_reasons_and_its_digest() -> None:
    (block,) = section(page([], plans={"run_a": plan()}), "Plan").blocks
    assert isinstance(block, TableBlock)
    told = [[c.text for c in row] for row in block.table.rows]
    assert ["knee plane", "sagittal", "as acquired"] in told
    assert ["epochs", "6", "B, table 2"] in told
    assert block.table.notes == (f"Digest {plan().digest}",)
    both = section(page([], plans={"a": plan(), "b": plan()}), "Plan").blocks
    assert all(isinstance(b, Details) and b.printed for b in both)


def test_many_patients_and_folds_are_spread_over_pictures() -> None:
    radar = {f"e{i}": {"dsl": {"dice": 90.0, "assd_mm": 80.0, "ravd": 70.0}} for i in range(13)}
    made = page([], spiders={"knee": radar}, curves={f"fold {i}": ROWS for i in range(4)})
    pictures = [b for b in section(made, "Spider plots").blocks if isinstance(b, Picture)]
    assert [p.alt for p in pictures][1] == "Spider plots of Knee: e12"
    assert len(pictures) == 2
    assert all(isinstance(b, Details) for b in section(made, "Training").blocks)


def test_a_patient_with_several_exams_of_a_joint_is_named() -> None:
    radar = {exam: {"dsl": {"dice": 90.0, "assd_mm": 80.0, "ravd": 70.0}} for exam in ("e0", "e1", "e2", "e3")}
    patients = {("knee", "e0"): "p1", ("knee", "e1"): "p2", ("knee", "e2"): "p1", ("ankle", "e1"): "p2"}
    (picture,) = section(page([], spiders={"knee": radar}, patients=patients), "Spider plots").blocks
    assert isinstance(picture, Picture)
    assert picture.alt == "Spider plots of Knee: patient p1: e0, e1, patient p1: e2, e3"


def test_exams_of_one_name_are_told_apart_by_their_joint() -> None:
    exams = [small_view("e1", KNEE, shift=2), small_view("e1", DOMAINS[2]), small_view("e2", KNEE)]
    assert [s.title for s in shown(page(exams))] == ["Knee, e1", "Shoulder, e1", "e2"]


def test_exams_left_out_stand_above_all() -> None:
    first, *rest = section(page([], gaps=("dsl: no prediction of knee/e9",)), "Summary").blocks
    assert first == Bullets(("dsl: no prediction of knee/e9",), "Exams left out", "warning")
    assert all(isinstance(block, Section) for block in rest)
    assert not any(isinstance(block, Bullets) for block in section(page([]), "Summary").blocks)


def test_the_summary_tells_the_method_that_the_exams_are_of() -> None:
    methods = tuple(Method(n, (Score("e", "knee", "patella", "dice", v),)) for n, v in (("a", 0.5), ("b", 0.8)))
    knee = section(page([], methods=methods, main="b"), "Summary").blocks[1]
    assert isinstance(knee, Section)
    assert isinstance(knee.blocks[0], Text)
    assert knee.blocks[0].text.startswith("b: 1 exam. ")


def test_predictions_without_references_make_a_report(tmp_path: Path) -> None:
    views = [small_view(f"knee_{i}", KNEE, referenced=False) for i in range(2)]
    views.append(small_view("bare", KNEE, referenced=False, image=None, scores=()))
    made = page(views)
    assert [s.title for s in made.sections] == ["Summary", "Box plots", "Exams"]
    write_page(made, tmp_path / "r.html")
    assert "reference outlined" not in (tmp_path / "r.html").read_text("utf-8")


def test_the_same_exams_give_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        write_page(page([small_view("knee_0", KNEE)], curves={"fold 0": ROWS}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
