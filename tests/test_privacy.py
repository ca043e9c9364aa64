"""What is shown of names and errors: what says nothing of a patient."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pedseg import privacy
from pedseg.errors import InputError

HOME = Path("/", "home", "anna")


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


@pytest.mark.parametrize(
    ("name", "stem"),
    [(f"Miller{e}", "Miller") for e in (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".seg.nrrd", ".zip", ".NII.GZ")],
)
def test_a_name_is_kept_out_with_and_without_its_ending(name: str, stem: str) -> None:
    privacy.conceal(Path("/data") / name, instead="#1")
    assert privacy.scrub(f"{name}, {stem}: {stem}s stays") == "#1, #1: Millers stays"


def test_the_ending_alone_makes_no_word_a_name() -> None:
    privacy.conceal(Path("/data/image.doe"))
    assert privacy.scrub("image.doe holds no image") == "… holds no image"


@pytest.mark.parametrize(
    ("path", "line"),
    [("no.dcm", "PS-A02: no MR image in"), ("/data/is", "the gap is 1.6"), ("/x/PS-A36", "PS-A36: far from PS-A3"),
     ("PS-A36", "PS-A36: far"), ("/x/mm.nii", "1.6 mm apart"), ("/x/spacing", "the spacing of the slices")],
)  # fmt: skip
def test_words_units_and_codes_of_a_message_stay(path: str, line: str) -> None:
    privacy.conceal(Path(path))
    assert privacy.scrub(line) == line


@pytest.mark.parametrize("name", ["no.dcm", "is", "PS-A36", "ann", "spacing", "miller", "Doe Jane"])
def test_full_paths_go_whatever_their_names_are(name: str) -> None:
    privacy.conceal(Path("/data") / name)
    assert privacy.scrub(f"wrote /data/{name}: /data/{name}/x") == "wrote /data/…: /data/…/x"


def test_short_names_and_words_go_where_they_are_part_of_a_path_or_quoted() -> None:
    privacy.conceal(Path("/data/ann"))
    privacy.conceal(Path("/data/far"))
    assert privacy.scrub("ann/exam x/ann 'ann' \"far\" far") == "…/exam x/… '…' \"…\" far"


def test_names_that_no_message_has_as_a_word_go_everywhere() -> None:
    privacy.conceal(Path("/data/miller"))
    privacy.conceal(Path("/data/Doe\x1b[0m"))
    assert privacy.scrub("miller and Doe\x1b[0m and Doe?[0m: millers") == "… and … and …: millers"


def test_many_names_are_found_in_little_time() -> None:
    for n in range(1000):
        privacy.conceal(Path(f"{HOME}/study/Doe_{n:04d}.nii.gz"), instead=f"exam_{n:04d}")
    text = "".join(f"{n}: {HOME}/study/Doe_{n % 1000:04d}.nii.gz holds Doe_{n % 1000:04d}\n" for n in range(10_000))
    start = time.process_time()
    said = privacy.scrub(text)
    assert time.process_time() - start < 5.0  # one pattern of all names took fifteen times as long
    assert "Doe" not in said
    assert said.startswith(f"0: {HOME.parent}/…/study/exam_0000 holds exam_0000\n1: ")


def test_paths_of_a_workspace_stay_readable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the user named and what pedseg names below it; one sign for all hidden folders above."""
    home = tmp_path / "Anna" / "Doe"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    above = f"/{tmp_path.parts[1]}/…" if privacy.is_plain(tmp_path.parts[1]) else "/…"
    for place in (Path("thesis"), home / "thesis"):
        privacy.conceal(place, own=True)
        privacy.conceal(place / "runs" / "default" / "main", own=True)
        privacy.conceal(place / "raw" / "knee" / "Doe_Jane")
    assert privacy.scrub("thesis/runs/default/main/fold_0") == "thesis/runs/default/main/fold_0"
    assert privacy.scrub(f"{home}/thesis/runs/default/main/fold_0") == f"{above}/thesis/runs/default/main/fold_0"
    assert privacy.scrub(f"{home}/thesis/raw/knee/Doe_Jane/x") == f"{above}/thesis/raw/knee/…/x"


@pytest.mark.parametrize(
    ("place", "said"),
    [("project", "…/project/runs/fold_0"), (".cache/torch/hub/checkpoints", "…/torch/hub/checkpoints/runs/fold_0"),
     ("disk_of_anna/a_b/thesis", "…/thesis/runs/fold_0")],
)  # fmt: skip
def test_one_sign_stands_for_all_hidden_folders_in_a_row(place: str, said: str) -> None:
    privacy.conceal(HOME / place, own=True)
    assert privacy.scrub(f"{HOME / place}/runs/fold_0") == f"{HOME.parent}/{said}"


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
