"""Which tables an evaluation gives, and that they say what the scores say."""

from __future__ import annotations

from pathlib import Path

from pedseg.evaluation.scores import Method, Score, SliceScore
from pedseg.evaluation.thresholds import load_ranking
from pedseg_evaluate.tables import Named, score_tables, write_tables

METRICS = {"dice": 0.9, "sensitivity": 0.9, "mssd_mm": 15.0, "assd_mm": 2.0, "ravd": 0.05}


def method(name: str, worse: float = 0.0) -> Method:
    exams = [(f"e{i}", structure) for i in range(6) for structure in ("talus", "calcaneus", "all")]
    scores = tuple(Score(e, "ankle", s, m, v * (1 - worse)) for e, s in exams for m, v in METRICS.items())
    slices = tuple(
        SliceScore(e, "ankle", s, k, "dice", 0.9 - worse - 0.01 * k - 0.003 * int(e[1]))
        for e, s in exams
        for k in range(5)
    )
    return Method(name, scores, slices)


def names(tables: tuple[Named, ...]) -> set[str]:
    return {named.name for named in tables}


def test_one_method_has_means_and_no_test() -> None:
    tables = score_tables([method("ours")], against="ours", system=load_ranking(), seed=0)
    assert names(tables) == {
        "scores_3d", "scores_3d_by_domain", "scores_3d_union", "scores_3d_ankle", "scores_3d_further", "scores_2d",
        "scores_2d_union", "normality", "normality_union", "ranking",
    }  # fmt: skip


def test_several_methods_are_tested_and_ranked() -> None:
    methods = [method("ours"), method("theirs", worse=0.2)]
    tables = {named.name: named.table for named in score_tables(methods, against="ours", system=load_ranking(), seed=0)}
    assert {"scores_2d_ks", "slices_wilcoxon", "exams", "exams_union", "power", "ranking_robustness"} <= set(tables)
    ranking = {row[0].text: row[1].text for row in tables["ranking"].rows}
    # halfway between threshold and best in every metric; the other is past Dice's and sensitivity's thresholds
    assert ranking["ours"].startswith("50.0")
    assert ranking["theirs"].startswith("36.0")  # MSSD 12: 60, ASSD 1.6: 60, RAVD 4 %: 60, and two zeros
    assert any("ours" in note for note in tables["exams"].notes)


def test_the_union_alone_needs_no_mean() -> None:
    whole = method("ours")
    union = Method("ours", tuple(s for s in whole.scores if s.structure == "all"))
    tables = score_tables([union], against="ours", system=load_ranking(), seed=0)
    assert "scores_3d_union" not in names(tables)
    assert "Union" in next(n.table.title for n in tables if n.name == "scores_3d").title()


def test_every_table_is_written_three_ways(tmp_path: Path) -> None:
    write_tables(score_tables([method("ours")], against="ours", system=load_ranking(), seed=0), tmp_path / "tables")
    assert {p.name for p in (tmp_path / "tables").glob("ranking.*")} == {"ranking.md", "ranking.csv", "ranking.tex"}
    assert "90.0" in (tmp_path / "tables" / "scores_3d.md").read_text("utf-8")


def test_the_same_scores_give_the_same_tables() -> None:
    methods = [method("ours"), method("theirs", worse=0.2)]
    first, second = (score_tables(methods, against="ours", system=load_ranking(), seed=3) for _ in range(2))
    assert first == second




def test_a_missing_bone_is_named_beside_the_means_it_weighs_on() -> None:
    talus = [("e0", "talus", 0.0, 5.0), ("e1", "talus", 4.0, 0.0), ("e2", "talus", 0.0, 0.0)]
    volumes = [*talus, ("e0", "calcaneus", 3.0, 4.0)]
    scores = [
        Score(e, "ankle", s, metric, value)
        for e, s, *both in volumes
        for metric, value in zip(("volume_ml", "reference_volume_ml"), both, strict=True)
    ]
    whole = method("ours")
    tables = score_tables([Method("ours", (*whole.scores, *scores))], against="ours", system=load_ranking(), seed=0)
    notes = {named.name: named.table.notes for named in tables}
    told = "ours: found in one of prediction and reference only: talus in 2 exams. Distances count there as"
    assert any(note.startswith(told) for note in notes["scores_3d"])
    assert any(note.startswith(told) for note in notes["scores_3d_ankle"])
