"""What is shown of names and errors: what says nothing of a patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedseg import privacy
from pedseg.errors import InputError


@pytest.fixture(autouse=True)
def _nothing_concealed() -> object:
    yield
    privacy.reveal()


@pytest.mark.parametrize(
    "name",
    ["im0015", "IM0001.dcm", "I12", "0003a", "MR.1.23", "slice_004.nii.gz", "knee_03", "sub-01_ses-02", "exam",
     "a1", "Left knee (2)", "labels.nii.gz", "IM000001", "IM000099", "IM0015", "0001.dcm", "slice_123", "MR.1.15",
     "12345", "knee_2010"],
)  # fmt: skip
def test_names_of_machines_and_of_kinds_are_shown(name: str) -> None:
    assert privacy.shown(name, "#1") == name


@pytest.mark.parametrize(
    "name",
    ["Doe_Jane.dcm", "ZZPHI^CANARY", "19990101", "knee_19990101", "1234567", "J.D.", "Müller", "knee Doe", "a/../b", "",
     "kneé1", "x" * 65, "im\n1", "1.2.840.1138619.2", "1.2.840.113.dcm", "12.03.1999", "1999-12-31", "991231", "311299",
     "123199", "IM000101", "123456", "knee_654321", "12.3.99", "1999-12", "knee_1_2010", "3112 99", "123_4567"],
)  # fmt: skip
def test_names_that_may_be_of_a_patient_are_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert privacy.shown(name, "#1") == "#1"
    monkeypatch.setenv(privacy.SHOW_NAMES, "1")
    assert privacy.shown(name, "#1") == name.replace("\n", "?")


def test_paths_are_scrubbed_with_their_folders(tmp_path: Path) -> None:
    exam = tmp_path / "Doe^Jane" / "exam_1" / "Jane 2010.nii.gz"
    privacy.conceal(exam, instead="#3")
    said = privacy.scrub(f"{exam} and {exam.parent} and Jane 2010.nii.gz: Janet stays")
    assert "Jane " not in said
    assert "Doe" not in said
    assert said.endswith("/…/exam_1/#3 and " + said.split(" and ")[1] + " and #3: Janet stays")
    privacy.reveal()
    assert privacy.scrub(str(exam)) == str(exam)


def test_an_own_name_stays_its_folders_do_not(tmp_path: Path) -> None:
    privacy.conceal(tmp_path / "Doe^Jane" / "thesis", own=True)
    said = privacy.scrub(f"written to {tmp_path / 'Doe^Jane' / 'thesis'}")
    assert said.endswith("/…/thesis")
    assert "Doe" not in said


def test_a_traceback_tells_places_and_types_and_own_messages_only() -> None:
    try:
        try:
            int("Doe^" + "Jane")
        except ValueError as error:
            raise InputError("PS-A121", "im0001 cannot be read") from error
    except InputError as error:
        text = privacy.trace(error)
    assert text.index("ValueError") < text.index("InputError: PS-A121: im0001 cannot be read")
    assert text.count("Traceback (most recent call last)") == 2
    assert "Doe^Jane" not in text
    assert "test_privacy.py" in text


@pytest.mark.parametrize(("text", "said"), [("0.3\\x", "text"), ("0.3\\0.25", "'0.3\\\\0.25'"), ("nan", "'nan'")])
def test_a_value_is_shown_where_it_looks_like_a_number(text: str, said: str) -> None:
    assert privacy.number_text(text) == said
