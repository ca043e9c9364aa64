"""Names are listed once, and commands offer them."""

from __future__ import annotations

import argparse
from typing import get_args

import pytest

from pedseg.names import DecoderName, NetworkName, ObjectiveName, Scheme, preset_names
from pedseg.plan import NetworkSpec, ObjectiveSpec
from pedseg.plan.network import CHANNELS, DECODERS, FROM_SCRATCH, STRIDE_32
from pedseg_plan.__main__ import parser


def choices(flag: str) -> tuple[str, ...]:
    (action,) = (a for a in parser()._actions if flag in a.option_strings)
    return tuple(action.choices or ())


@pytest.mark.parametrize(
    ("flag", "names", "model", "field"),
    [
        ("--network", NetworkName, NetworkSpec, "name"),
        ("--scheme", Scheme, NetworkSpec, "scheme"),
        ("--objective", ObjectiveName, ObjectiveSpec, "name"),
    ],
)
def test_a_flag_offers_what_the_plan_accepts(flag: str, names: object, model: type, field: str) -> None:
    assert choices(flag) == get_args(names) == get_args(model.model_fields[field].annotation)


def test_there_are_seven_networks_and_ten_objectives() -> None:
    assert (len(choices("--network")), len(choices("--objective"))) == (7, 10)


def test_tables_of_networks_know_the_same_names() -> None:
    assert set(DECODERS) == set(get_args(NetworkName))
    assert {decoder for _, decoder in CHANNELS} | set(DECODERS.values()) == set(get_args(DecoderName))
    assert {name for name, _ in CHANNELS} | set(FROM_SCRATCH) == set(get_args(NetworkName))
    assert set(STRIDE_32) <= {name for name, _ in CHANNELS}


def test_presets_are_the_files_and_the_help_names_them(root: object) -> None:
    files = sorted(p.stem for p in (root / "pedseg" / "plan" / "presets").glob("*.yaml"))  # type: ignore[operator]
    assert list(preset_names()) == files
    (action,) = (a for a in parser()._actions if "--preset" in a.option_strings)
    assert isinstance(action, argparse.Action)
    assert str(action.help).endswith(", ".join(files))
