"""Which elements are looked at, against the standard's dictionary and against who asks for them."""

from __future__ import annotations

import re
from pathlib import Path

from pydicom.datadict import keyword_for_tag

from pedseg.dicom.header import Header
from pedseg.dicom.private import PRIVATE_TAGS
from pedseg.dicom.tags import KEYWORDS, NOTED, TAGS


def test_every_keyword_is_the_standard_s_and_stands_once() -> None:
    assert {word: keyword_for_tag(tag) for word, tag in TAGS.items()} == {word: word for word in KEYWORDS}
    assert len(TAGS) == len(KEYWORDS) == len(set(TAGS.values()))


def test_what_is_only_noted_is_not_read() -> None:
    names = ["DoubleFloatPixelData", "FloatPixelData", "ModalityLUTSequence", "RealWorldValueMappingSequence"]
    assert sorted(map(keyword_for_tag, NOTED)) == names
    assert not NOTED & {*TAGS.values(), *PRIVATE_TAGS}


def test_what_is_asked_of_a_header_is_read_and_what_is_read_is_asked_for(root: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in (root / "pedseg/dicom").glob("*.py") if path.stem != "tags")
    asked = set(re.findall(r'header\.(?:text|identity|unsigned|double)\("(\w+)"\)', text))
    assert asked <= set(KEYWORDS)
    assert [word for word in KEYWORDS if f'"{word}"' not in text] == []
    header = Header("", True, {}, -1, 0, 0, preamble=True, truncated=False)
    assert {header.text(word) for word in asked} == {""}
