"""Pictures and tables of one fold, from the fold and its slice cache alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.report.page import Picture, TableBlock, Text
from pedseg.workspace import Workspace
from pedseg_evaluate.representations import RepresentationPictures, representation_blocks, representation_pictures
from pedseg_evaluate.sources import Source

PNG = b"\x89PNG\r\n"


def drawn(run: Path, slices: int = 12) -> RepresentationPictures:
    return representation_pictures(run / "fold_0", Workspace(run.parents[2]), slices=slices)


@pytest.fixture(scope="module")
def shown(tiny_shape_run: Path) -> RepresentationPictures:
    return drawn(tiny_shape_run)


def test_everything_there_is_to_show(shown: RepresentationPictures) -> None:
    names = [picture.name for picture in shown.pictures]
    of_scales = ["tsne_slices", "cosine_slices", "tsne_masks", "cosine_masks"]
    assert names == [*of_scales, "attention", "reconstruction", "latent"]
    assert all(picture.png.startswith(PNG) and picture.title and picture.caption for picture in shown.pictures)
    assert "one of 36 slices" in shown.pictures[0].caption
    assert "Perplexity 11.7, learning rate 50." in shown.pictures[0].caption  # 35 others / 3
    assert [len(table.rows) for table in shown.tables] == [9, 9]
    assert all(len(row) == len(table.columns) for table in shown.tables for row in table.rows)
    assert shown.tables[0].rows[4][0].text == "s5 (d = 32)"
    assert len(shown.notes) == 6


def test_what_there_is_not_is_said(tiny_run: Path) -> None:
    """Single slices are not compared; a fold without an auto-encoder shows the rest."""
    found = drawn(tiny_run, 1)
    assert [picture.name for picture in found.pictures] == ["attention"]
    assert found.tables == ()
    assert "Too few slices to compare: 1, 1, 1; two a domain and four in all are needed." in found.notes
    assert "Objective msc trains no auto-encoder of masks." in found.notes


def test_a_run_has_blocks_for_the_page_and_files(tiny_shape_run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pedseg.inference.representations.SLICES", 12)
    blocks = representation_blocks(Source("ours", (), run=tiny_shape_run), tmp_path / "pictures", seed=0)
    assert isinstance(blocks[0], Text)
    assert blocks[0].text == "ours, fold 0."
    files = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert len(files) == 7
    assert {b.data for b in blocks if isinstance(b, Picture)} == set(files.values())
    assert [len(b.table.rows) for b in blocks if isinstance(b, TableBlock)] == [9, 9]


def test_a_folder_of_masks_has_none(tmp_path: Path) -> None:
    assert representation_blocks(Source("ours", ()), tmp_path / "pictures", seed=0) == []
    assert not (tmp_path / "pictures").exists()
