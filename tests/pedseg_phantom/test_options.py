"""Options: the command's flags and their defaults are one and the same."""

from __future__ import annotations

import dataclasses

from pedseg_phantom import PhantomOptions
from pedseg_phantom.__main__ import parser


def test_every_option_is_a_flag_with_the_same_default() -> None:
    flags = vars(parser().parse_args([]))
    for field in dataclasses.fields(PhantomOptions):
        if field.name not in {"matrix", "jobs"}:
            assert flags[field.name] == field.default, field.name
    assert "matrix" not in flags
    assert flags["n"] == 6
    assert parser().parse_args(["--matrix", "192", "-j", "3"]).matrix == 192
