"""Configs of a fold through MONAI: what stands in for their values, and whose errors come out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from pedseg.bundle.workflow import run_config
from pedseg.errors import InputError

CPU = torch.device("cpu")
CONFIG = {
    "bundle_root": "elsewhere", "device": "$torch.device('cuda')", "word": "theirs", "hear": None,
    "imports": ["$import torch"],
    "initialize": ["$@hear('initialize')"],
    "run": ["$@hear('run', @bundle_root, @device, @word)"],
    "finalize": ["$@hear('finalize')"],
}  # fmt: skip


@pytest.fixture
def fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small config; MONAI puts it where modules are looked for."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/small.yaml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    (tmp_path / "configs/metadata.json").write_text(json.dumps({"version": "0"}), "utf-8")
    return tmp_path


def test_the_parts_run_in_order_with_values_in_place_of_the_configs(fold: Path) -> None:
    heard: list[tuple[object, ...]] = []
    run_config(fold, "small", device=CPU, word="ours", hear=lambda *words: heard.append(words))
    assert heard == [("initialize",), ("run", str(fold), CPU, "ours"), ("finalize",)]


def raising(error: Exception, *, at: str = "run") -> Callable[..., None]:
    def hear(part: str, *_: object) -> None:
        if part == at:
            raise error

    return hear


@pytest.mark.parametrize("part", ["initialize", "run", "finalize"])
def test_an_error_of_pedseg_comes_out_of_monais(fold: Path, part: str) -> None:
    own = InputError("PS-A85", "case_1 is not in the slice cache")
    with pytest.raises(InputError) as caught:
        run_config(fold, "small", device=CPU, hear=raising(own, at=part))
    assert caught.value is own
    assert isinstance(own.__cause__, RuntimeError)


def test_an_error_of_another_keeps_its_cause(fold: Path) -> None:
    other = ZeroDivisionError("theirs")
    with pytest.raises(RuntimeError, match="Failed to evaluate") as caught:
        run_config(fold, "small", device=CPU, hear=raising(other))
    assert caught.value.__cause__ is other


def test_libraries_say_nothing_of_their_own(fold: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("monai.bundle.workflows", "ignite.engine.engine"):
        logging.getLogger(name).setLevel(logging.INFO)
    run_config(fold, "small", device=CPU, hear=lambda *_: logging.getLogger("ignite.engine.engine").error("twice"))
    assert caplog.messages == []
