from __future__ import annotations

import pytest

from pedseg.domains import Domain, Structure, load_domains
from pedseg.domains.match import listed, match_structures, simplified, structure_names
from pedseg.errors import InputError


@pytest.fixture
def ankle() -> Domain:
    return load_domains(["ankle"])[0]


@pytest.mark.parametrize("text", ["Tibia (distal)", "tibia_distal", "TIBIA  Distal", "tibia-distal"])
def test_case_blanks_and_signs_do_not_count(text: str):
    assert simplified(text) == "tibiadistal"


def test_a_structure_answers_to_name_title_short_title_and_code(ankle: Domain):
    names = structure_names(ankle)
    assert {name for name, label in names.items() if label == 3} == {"tibiadistal", "tibia", "sct12611008"}
    assert names["talus"] == 2


def test_a_name_two_structures_share_means_neither():
    upper = Structure(name="tibia_proximal", title="Tibia (proximal)", color="#000000", snomed="12611008")
    lower = Structure(name="tibia_distal", title="Tibia (distal)", color="#ffffff", snomed="12611008")
    names = structure_names(Domain(name="leg", structures=(upper, lower)))
    assert names == {"tibiaproximal": 1, "tibiadistal": 2}


def test_a_whole_name_goes_before_a_short_one():
    whole = Structure(name="femur", color="#000000")
    part = Structure(name="femur_distal", title="Femur (distal)", color="#ffffff")
    assert structure_names(Domain(name="thigh", structures=(part, whole)))["femur"] == 2


def test_the_best_match_of_a_structure_takes_it(ankle: Domain):
    """A cartilage that is coded as its bone does not become bone."""
    found = {
        1: ("Calcaneus", "", "Calcaneus"),
        2: ("Talus", "", "Talus"),
        3: ("Talus cartilage", "", "Talus"),
        4: ("bone 3", "", "whatever", "SCT 12611008"),
    }
    matched, (notice,) = match_structures(found, ankle, "c1")
    assert matched == {1: (1,), 2: (2,), 3: (4,)}
    assert str(notice) == "PS-W126: masks of other structures were left aside: Talus cartilage"


def test_several_masks_of_one_name_are_one_structure(ankle: Domain):
    found = {5: ("talus",), 6: ("Talus",), 7: ("tibia",), 8: ("calcaneus",)}
    assert match_structures(found, ankle, "c1") == ({1: (8,), 2: (5, 6), 3: (7,)}, ())


def test_a_structure_that_is_not_there_is_told(ankle: Domain):
    matched, (notice,) = match_structures({1: ("talus",), 2: ("tibia",)}, ankle, "c1")
    assert matched == {2: (1,), 3: (2,)}
    assert str(notice) == "PS-W127: no mask is called calcaneus: taken as not there"


def test_a_left_over_mask_may_be_the_structure_that_is_missing(ankle: Domain):
    found = {1: ("talus",), 2: ("tibia",), 3: ("heel bone",)}
    with pytest.raises(InputError, match=r"PS-A131: c1: nothing is called calcaneus, but there is heel bone: rename"):
        match_structures(found, ankle, "c1")
    with pytest.raises(InputError, match=r"PS-A131: c1: nothing is called calcaneus, talus, .* but there is nothing"):
        match_structures({}, ankle, "c1")


def test_a_long_list_is_cut():
    assert listed(list("abcdefghij")) == "a, b, c, d, e, f, g, h and 2 more"
