"""Labels placed in channels, by hand; probabilities by their activation."""

from __future__ import annotations

import pytest
import torch

from pedseg.domains import load_domains
from pedseg.losses import coverage, probabilities_of, targets_of
from pedseg.plan import Coding, NetworkSpec, output_coding, plain_coding

JOINTS = load_domains(("ankle", "shoulder"))  # 3 and 2 bones
LABELS = torch.tensor([[[0, 1], [2, 3]], [[0, 1], [2, 0]]], dtype=torch.uint8)  # an ankle, a shoulder


def _of(**values: str) -> list[torch.Tensor]:
    return targets_of(LABELS, (1, 1), output_coding(NetworkSpec(**values), JOINTS), size=(2, 2))


def _columns(target: torch.Tensor) -> list[list[float]]:
    """Channels of each pixel."""
    return target[0].flatten(1).T.tolist()


def test_a_channel_a_label() -> None:
    ankle, shoulder = _of(scheme="dsl")
    assert _columns(ankle) == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert _columns(shoulder) == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_shared_places_each_joint_behind_the_one_before() -> None:
    ankle, shoulder = _of(scheme="shared")
    assert _columns(ankle) == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]]
    assert _columns(shoulder) == [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0]]


def test_single_bones_and_their_union() -> None:
    """D eqs 17 and 18."""
    alone = _of(scheme="individual", strategy="individual")
    assert _columns(alone[0]) == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert _columns(alone[1]) == [[0, 0], [1, 0], [0, 1], [0, 0]]
    union = _of(scheme="individual", strategy="global")
    assert [_columns(u) for u in union] == [[[0], [1], [1], [1]], [[0], [1], [1], [0]]]


@pytest.mark.parametrize(
    "values",
    [{"scheme": "shared"}, {"strategy": "individual"}, {"strategy": "global"}, {"scheme": "dsl"}],
    ids=lambda v: next(iter(v.values())),
)
def test_finer_labels_become_shares(values: dict[str, str]) -> None:
    """A pixel of one quarter background, one of bone 1, one of bone 2, one of bone 3."""
    coding = output_coding(NetworkSpec(**values), JOINTS[:1])
    (target,) = targets_of(LABELS[:1], (1,), coding, size=(1, 1))
    expected = {"softmax": [0.25] * 4, "sigmoid": [0.25] * 3 if coding.widths == (3,) else [0.75]}
    assert target.flatten().tolist() == expected[coding.activation]


def test_a_domain_without_images_has_none() -> None:
    coding = output_coding(NetworkSpec(scheme="shared"), JOINTS)
    none, some = targets_of(LABELS[1:], (0, 1), coding, size=(2, 2))
    assert (none.shape, some.shape) == ((0, 6, 2, 2), (1, 6, 2, 2))


def test_the_plain_coding_is_coverage() -> None:
    (target,) = targets_of(LABELS[:1], (1,), plain_coding([4]), size=(2, 2))
    assert torch.equal(target, coverage(LABELS[:1], 4, (2, 2)))


def test_probabilities_follow_the_activation() -> None:
    logits = [torch.tensor([0.0, 3.0]).log().reshape(1, 2, 1, 1)]  # odds 0 and 3
    soft = probabilities_of(logits, plain_coding([2]))
    apart = probabilities_of(logits, Coding(((None, 0, 1),), (2,), "sigmoid"))
    assert soft[0].flatten().tolist() == [0, 1]
    assert apart[0].flatten().tolist() == pytest.approx([0, 0.75])
    rough = probabilities_of([logits[0].bfloat16()], plain_coding([2]))
    assert rough[0].dtype == torch.float32
    assert probabilities_of([logits[0].double()], plain_coding([2]))[0].dtype == torch.float64
