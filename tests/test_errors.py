from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pedseg import errors
from pedseg.errors import (
    ERRORS,
    WARNINGS,
    ExitCode,
    GeometryError,
    InputError,
    Notice,
    PedsegError,
    did_you_mean,
    harmless,
    one_line,
)


def test_every_code_belongs_to_a_class_that_exists():
    for code, (name, meaning) in ERRORS.items():
        kind = getattr(errors, name)
        assert issubclass(kind, PedsegError)
        assert kind.exit_code not in {ExitCode.DONE, ExitCode.BUG}
        assert code.startswith("PS-A")
        assert meaning
    assert all(code.startswith("PS-W") for code in WARNINGS)


def test_no_code_stands_twice():
    """A dict literal would keep the last one without a word."""
    source = Path(errors.__file__).read_text("utf-8")
    for code in (*ERRORS, *WARNINGS):
        assert source.count(f'    "{code}": ') == 1, code


def test_exit_codes_are_those_of_the_documentation():
    kinds = ("UsageError", "InputError", "GeometryError", "ModelError", "OutputError", "TrainingError")
    assert [getattr(errors, k).exit_code for k in kinds] == [2, 3, 4, 5, 6, 8]
    assert (ExitCode.PARTIAL, ExitCode.INTERRUPTED, ExitCode.TERMINATED) == (7, 130, 143)


def test_an_error_carries_its_code_and_one_line():
    error = GeometryError("PS-A36", "wanted 16 slices, got 15: send the missing one")
    assert str(error) == "PS-A36: wanted 16 slices, got 15: send the missing one"
    assert (error.code, error.exit_code) == ("PS-A36", 4)


def test_a_code_belongs_to_one_class():
    with pytest.raises(TypeError, match="PS-A36 belongs to GeometryError, not InputError"):
        InputError("PS-A36", "x")
    with pytest.raises(KeyError):
        InputError("PS-A9999", "x")


def test_an_error_survives_the_way_from_a_worker():
    back = pickle.loads(pickle.dumps(InputError("PS-A65", "constant")))  # noqa: S301
    assert (type(back), back.code, back.message) == (InputError, "PS-A65", "constant")


def test_a_notice_has_a_known_code():
    assert str(Notice("PS-W24", "as stored")) == "PS-W24: as stored"
    with pytest.raises(KeyError):
        Notice("PS-W9999", "x")


def test_the_nearest_name_is_offered():
    assert did_you_mean("shoulde", ["knee", "shoulder"]) == "did you mean 'shoulder'? known: knee, shoulder"
    assert did_you_mean("xyz", ["knee", "ankle"]) == "known: ankle, knee"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2Jred\x07", "?[2Jred?"), ("a\r\x9b31m", "a??31m"), ("gnp\u202e.exe", "gnp?.exe"), ("\ud800", "?"),
     ("x\u2028y", "x?y"), ("膝 ankle\u00a0é\u200d", "膝 ankle\u00a0é\u200d"), ("a\nb", "a\nb")],
)  # fmt: skip
def test_text_of_a_file_cannot_steer_a_terminal(text, shown):
    assert harmless(text) == shown
    assert InputError("PS-A121", text).message == Notice("PS-W24", text).text == shown
    assert one_line(text) == shown.replace("\n", "?")
