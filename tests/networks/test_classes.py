"""Classes of one domain from the channels a network is trained on."""

from __future__ import annotations

import math

import pytest
import torch

from pedseg.domains import load_domains
from pedseg.networks import class_logits
from pedseg.networks.classes import OwnClasses, with_background
from pedseg.plan import NetworkSpec, output_coding

JOINTS = load_domains(("ankle", "shoulder"))  # 3 and 2 bones


def _odds(*values: float) -> torch.Tensor:
    """Logits of one pixel."""
    return torch.tensor(values, dtype=torch.float64).log().reshape(1, -1, 1, 1)


def test_folding_by_hand() -> None:
    """Odds 1 : 2 : 3 : 4 of background, a foreign bone and two own ones."""
    own = OwnClasses(2, 2)(_odds(1, 2, 3, 4))
    assert own.flatten().tolist() == pytest.approx([math.log(3), math.log(3), math.log(4)])
    assert own.softmax(1).flatten().tolist() == pytest.approx([0.3, 0.3, 0.4])
    assert OwnClasses(1, 1)(_odds(1, 2, 3, 4)).softmax(1).flatten().tolist() == pytest.approx([0.8, 0.2])
    assert torch.equal(OwnClasses(1, 3)(_odds(1, 2, 3, 4)), _odds(1, 2, 3, 4))


def test_folding_is_not_fooled_by_the_most_probable_class() -> None:
    """Three foreign bones of 0.2 each outweigh an own one of 0.3: the pixel is background."""
    logits = _odds(0.1, 0.3, 0.2, 0.2, 0.2)
    assert logits.argmax(1).item() == 1
    assert OwnClasses(1, 1)(logits).argmax(1).item() == 0


def test_folding_widens_and_stays_finite() -> None:
    folded = OwnClasses(1, 1)(torch.full((1, 3, 1, 1), -1e4, dtype=torch.bfloat16))
    assert folded.dtype == torch.float32
    assert folded.isfinite().all()


def test_background_where_every_p_is_below_a_half_else_the_highest() -> None:
    """D, section 3.2.1, over random pixels."""
    logits = 3 * torch.randn((4, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = logits.sigmoid()
    rule = torch.where((p < 0.5).all(1), 0, 1 + p.argmax(1))
    assert torch.equal(with_background(logits).argmax(1), rule)
    assert rule.unique().tolist() == [0, 1, 2, 3]


def test_classes_are_the_sigmoids_given_that_no_two_bones_overlap() -> None:
    """p = 3/4 and 1/2: neither 1/8, the first alone 3/8, the second alone 1/8, so 1/5, 3/5 and 1/5."""
    assert with_background(_odds(3, 1)).softmax(1).flatten().tolist() == pytest.approx([0.2, 0.6, 0.2])


def test_of_one_sigmoid_nothing_changes() -> None:
    logits = torch.linspace(-5, 5, 8, dtype=torch.float64).reshape(1, 1, 2, 4)
    assert torch.allclose(with_background(logits).softmax(1)[:, 1:], logits.sigmoid())


@pytest.mark.parametrize(
    ("values", "index", "expected"),
    [
        ({"scheme": "dsl"}, 1, [1, 2, 3]),
        ({"scheme": "shared"}, 0, [1 + 5 + 6, 2, 3, 4]),
        ({"scheme": "shared"}, 1, [1 + 2 + 3 + 4, 5, 6]),
        ({"strategy": "individual"}, 0, [1, 2, 3, 4]),
        ({"strategy": "global"}, 1, [1, 2]),
    ],
)
def test_the_coding_says_how(values: dict[str, str], index: int, expected: list[int]) -> None:
    coding = output_coding(NetworkSpec(**values), JOINTS)
    first = 2 if coding.activation == "sigmoid" else 1
    logits = _odds(*range(first, first + coding.widths[index]))
    assert class_logits(logits, coding, index).exp().flatten().tolist() == pytest.approx(expected)
