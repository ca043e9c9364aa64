from __future__ import annotations

import pytest

from pedseg.dicom import words


@pytest.mark.parametrize(
    "text",
    ["SIEMENS", "GE MEDICAL SYSTEMS", "Philips Medical Systems", "Skyra", "MAGNETOM Vida Fit", "Achieva dStream",
     "SIGNA Premier", "DISCOVERY MR750w", "uMR 790", "Prisma_fit", "Ingenia Elition X"],
)  # fmt: skip
def test_known_scanners_are_told(text: str) -> None:
    assert words.scanner(text) == text


@pytest.mark.parametrize("text", ["", "Doe", "SIEMENS Doe", "Siemens^Jane", "Skyra 19990101", "Müller", "Vida\n"])
def test_other_text_is_not(text: str) -> None:
    assert words.scanner(text) == ""


def test_kinds_of_images_and_parts_of_the_body() -> None:
    assert (words.kind("M_FFE"), words.kind("DOE^JANE")) == ("M_FFE", "another kind")
    assert [words.part_of_body(t) for t in ("KNEE", "TOETIP", "DOE")] == ["KNEE", "", ""]
