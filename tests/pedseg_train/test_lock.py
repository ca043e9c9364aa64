"""One training a fold at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.errors import OutputError, TrainingError
from pedseg_train.lock import held


def test_a_training_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), held(tmp_path / "fold_0"):
        raise ValueError("broken")
    with held(tmp_path / "fold_0"), pytest.raises(TrainingError, match="PS-A92"), held(tmp_path / "fold_0"):
        pass


def test_where_nothing_can_be_written_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="PS-A105"), held(tmp_path / "file" / "fold_0"):
        pass
