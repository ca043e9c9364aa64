from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pedseg.domains import Domain, Structure


def domain(*names: str, **changes: Any) -> Domain:
    structures = tuple(Structure(name=n, color="#102030") for n in names)
    return Domain.model_validate({"name": "calf", "structures": structures, **changes})


def test_labels_are_places():
    legs = domain("soleus_left", "soleus_right", "tibialis")
    assert legs.labels == {"soleus_left": 1, "soleus_right": 2, "tibialis": 3}
    assert legs.n_classes == 4
    assert legs.source_values == {1: (1,), 2: (2,), 3: (3,)}


def test_mirrored_labels_swap_pairs_only():
    legs = domain("a_left", "b", "a_right", mirror_pairs=(("a_left", "a_right"),))
    assert legs.mirrored_labels == (0, 3, 2, 1)
    assert domain("a").mirrored_labels == (0, 1)


def test_a_header_means_a_domain_by_its_values_or_its_name():
    calf = domain("soleus", body_part=("LEG", "SHIN"))
    assert [calf.is_meant_by(part) for part in ("SHIN", "leg", "calf", "CALF")] == [True] * 4
    assert not any(calf.is_meant_by(part) for part in ("", "KNEE", "LE"))


def test_source_values_one_or_many():
    one = Structure.model_validate({"name": "a", "color": "#102030", "source_value": 13})
    many = Structure.model_validate({"name": "b", "color": "#102030", "source_value": [14, 26]})
    both = Domain(name="calf", structures=(one, many))
    assert both.source_values == {1: (13,), 2: (14, 26)}
    assert one.rgb == (16, 32, 48)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"structures": ()}, "at least 1"),
        ({"mirror_pairs": (("a", "c"),)}, r"mirror_pairs name unknown structures \['c'\]"),
        ({"mirror_pairs": (("a", "b"), ("b", "a"))}, "mirror_pairs must differ; repeated: a, b"),
        ({"name": "../calf"}, "name"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_a_domain_cannot_be(changes: dict[str, Any], text: str):
    with pytest.raises(ValidationError, match=text):
        domain("a", "b", **changes)


def test_structures_and_their_source_values_differ():
    with pytest.raises(ValidationError, match="structure names must differ; repeated: a"):
        domain("a", "a")
    first = Structure(name="a", color="#102030", source_value=(2,))
    with pytest.raises(ValidationError, match="source values must differ; repeated: 2"):
        Domain(name="calf", structures=(first, Structure(name="b", color="#102030")))


@pytest.mark.parametrize("color", ["red", "#12345", "#GGGGGG", "#ABCDEF"])
def test_colours_are_lower_case_hexadecimal(color: str):
    with pytest.raises(ValidationError):
        Structure(name="a", color=color)


@pytest.mark.parametrize("name", ["all", "mean"])
def test_names_of_many_structures_are_reserved(name: str):
    with pytest.raises(ValidationError, match=f"no structure can be named '{name}'"):
        domain("a", name)


def test_a_lone_structure_cannot_be_their_mean():
    with pytest.raises(ValidationError, match="no structure can be named 'mean'"):
        domain("mean")


def test_the_union_is_one_structure():
    legs = domain("a_left", "b", "a_right", mirror_pairs=(("a_left", "a_right"),))
    assert legs.union.labels == {"all": 1}
    assert legs.union.mirrored_labels == (0, 1)
    assert (legs.union.name, legs.union.n_classes) == ("calf", 2)
    assert Domain.model_validate(legs.union.model_dump()) == legs.union
