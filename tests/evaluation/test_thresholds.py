"""Thresholds as data: D's own, a user's, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.errors import UsageError
from pedseg.evaluation.thresholds import load_ranking


@pytest.mark.parametrize(
    ("metric", "value", "score"),
    [("dice", 0.90, 50), ("mssd_mm", 15, 50), ("assd_mm", 1, 75), ("ravd", 0.05, 50), ("dice", 0.79, 0),
     ("dice", 1, 100), ("dice", 0.8, 0), ("sensitivity", 0.95, 75), ("mssd_mm", 200, 0), ("ravd", 0, 100),
     ("mssd_mm", float("inf"), 0), ("dice", float("nan"), 0)],
)  # fmt: skip
def test_metrics_are_mapped_as_in_table_1(metric: str, value: float, score: float) -> None:
    assert load_ranking().metrics[metric].score(value) == pytest.approx(score)


def test_thresholds_move_as_in_table_s2() -> None:
    system = load_ranking()
    assert list(system.metrics) == ["dice", "sensitivity", "mssd_mm", "assd_mm", "ravd"]
    assert [(metric, value) for metric, value, _ in system.moved()] == [
        ("dice", 0.75), ("dice", 0.85), ("sensitivity", 0.75), ("sensitivity", 0.85), ("mssd_mm", 20),
        ("mssd_mm", 40), ("assd_mm", 3), ("assd_mm", 5), ("ravd", 0.05), ("ravd", 0.15),
    ]  # fmt: skip
    for metric, value, moved in system.moved():
        assert moved.metrics[metric].threshold == value
        assert all(moved.metrics[m] == rule for m, rule in system.metrics.items() if m != metric)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: t\nsource: s\nmetrics:\n  hd95_mm: {best: 0, threshold: 10}\n", "utf-8")
    system = load_ranking(path)
    assert system.metrics["hd95_mm"].score(2.5) == 75
    assert system.moved() == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [", "mine.yaml:1 is not YAML"),
        ("title: t\nsource: s\nmetrics: {}\n", "metrics"),
        ("title: t\nsource: s\nmetrics: {dice: {best: 1, threshold: 1}}\n", "one side of best"),
        ("title: t\nsource: s\nmetrics: {dice: {best: 1, threshold: 0.8, moved: [1.2]}}\n", "one side of best"),
        ("title: t\nsource: s\nmetrics: {dice: {best: 1, threshold: .nan}}\n", "metrics.dice.threshold"),
        ("title: t\nsource: s\nmetrics: {dice: {best: 1, limit: 2}}\n", "metrics.dice"),
        ("7", "file"),
    ],
)
def test_another_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match="PS-A96") as caught:
        load_ranking(path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert "plan again" not in caught.value.message


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PS-A125"):
        load_ranking(tmp_path / "none.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        load_ranking(tmp_path / "huge.yaml")
