"""What the channels of an output stand for, in every scheme and strategy."""

from __future__ import annotations

import pytest

from pedseg.domains import load_domains
from pedseg.plan import NetworkSpec, output_coding, plain_coding

JOINTS = load_domains(("ankle", "knee", "shoulder"))  # 3, 4 and 2 bones


@pytest.mark.parametrize("scheme", ["dsl", "individual", "transfer"])
def test_a_domain_has_a_channel_a_label(scheme):
    coding = output_coding(NetworkSpec(scheme=scheme), JOINTS)
    assert coding == plain_coding([4, 5, 3])
    assert coding.places == ((0, 1, 2, 3), (0, 1, 2, 3, 4), (0, 1, 2))
    assert coding.activation == "softmax"


def test_shared_has_ten_channels_and_every_bone_its_own():
    coding = output_coding(NetworkSpec(scheme="shared"), JOINTS)
    assert coding.places == ((0, 1, 2, 3), (0, 4, 5, 6, 7), (0, 8, 9))
    assert coding.widths == (10, 10, 10)
    assert coding.activation == "softmax"


def test_bones_have_sigmoids_and_background_has_none():
    coding = output_coding(NetworkSpec(scheme="individual", strategy="individual"), JOINTS)
    assert coding.places == ((None, 0, 1, 2), (None, 0, 1, 2, 3), (None, 0, 1))
    assert (coding.widths, coding.activation) == ((3, 4, 2), "sigmoid")


def test_the_union_of_bones_has_one_sigmoid():
    coding = output_coding(NetworkSpec(scheme="individual", strategy="global"), JOINTS)
    assert coding.places == ((None, 0, 0, 0), (None, 0, 0, 0, 0), (None, 0, 0))
    assert (coding.widths, coding.activation) == ((1, 1, 1), "sigmoid")


def test_one_domain_alone_is_the_same_shared_or_not():
    assert output_coding(NetworkSpec(scheme="shared"), JOINTS[:1]) == plain_coding([4])
