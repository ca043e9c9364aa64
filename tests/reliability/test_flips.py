"""Single bits flipped in checkpoints, weights, the slice cache and labels: every one is detected, or means nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import copied

from benchmarks.flips import DETECTED, NO_EFFECT, WRONG, Kept, flip, kinds
from pedseg.workspace import Workspace

KINDS = 12


@pytest.fixture(scope="module")
def kept(tiny_shape_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, ...]]:
    root = copied(tiny_shape_run.parents[2], tmp_path_factory.mktemp("flips"))
    yield tuple(kinds(Workspace(root)))
    shutil.rmtree(root)


@pytest.mark.parametrize("flips", [10, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", range(KINDS))
def test_every_flip_is_detected(kept: tuple[Kept, ...], kind: int, flips: int) -> None:
    assert len(kept) == KINDS
    found = flip(kept[kind], flips, random.Random(flips + kind))
    assert found[WRONG] == 0
    assert found[DETECTED] + found[NO_EFFECT] == flips
    # gzip can say the same bytes in many ways, and its header says little
    assert found[NO_EFFECT] <= (0.5 * flips if kept[kind].path.suffix == ".gz" else 0)


def test_a_flip_that_is_read_without_a_word_would_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "raw"
    path.write_bytes(bytes(range(64)))
    found = flip(Kept("raw", path, path.read_bytes), 20, random.Random(0))
    assert found == {WRONG: 20}
    assert path.read_bytes() == bytes(range(64))
