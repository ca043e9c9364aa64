"""What the channels of a network's output stand for (METHODS, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from pedseg.domains import Domain
from pedseg.plan.network import NetworkSpec

Place = int | None


@dataclass(frozen=True)
class Coding:
    """Labels of every domain -> channels of the output that is trained.

    Args:
        places: a domain, for each of its labels 0..n the channel that stands for it; None where none does. Labels that
            share a channel are one class.
        widths: a domain, the channels of its output.
        activation: `softmax` over the channels, which exclude each other, or a `sigmoid` of each.
    """

    places: tuple[tuple[Place, ...], ...]
    widths: tuple[int, ...]
    activation: Literal["softmax", "sigmoid"] = "softmax"


def plain_coding(widths: Sequence[int]) -> Coding:
    """A channel a label, in their order."""
    return Coding(tuple(tuple(range(n)) for n in widths), tuple(widths))


def output_coding(spec: NetworkSpec, domains: Sequence[Domain]) -> Coding:
    """The coding of a network.

    - strategy `individual` (D eq. 17): a sigmoid a structure, background has none;
    - strategy `global` (D eq. 18): one sigmoid for all structures;
    - scheme `shared` (B, section 3.2.1): one softmax over background and the structures of all domains;
    - else a softmax over the domain's own labels (B eq. 4).
    """
    counts = [len(d.structures) for d in domains]
    if spec.strategy == "individual":
        return Coding(tuple((None, *range(n)) for n in counts), tuple(counts), "sigmoid")
    if spec.strategy == "global":
        return Coding(tuple((None, *[0] * n) for n in counts), (1,) * len(counts), "sigmoid")
    if spec.scheme == "shared":
        starts = accumulate(counts, initial=1)
        places = ((0, *range(start, start + n)) for start, n in zip(starts, counts, strict=False))
        return Coding(tuple(places), (1 + sum(counts),) * len(counts))
    return plain_coding([d.n_classes for d in domains])
