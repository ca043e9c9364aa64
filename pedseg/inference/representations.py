"""Everything a trained fold makes of the slices it learned from, as plain arrays (B, sections 3.4 and 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pedseg.domains import Domain
from pedseg.evaluation.representation import AttentionMaps, Reconstruction
from pedseg.inference.attention import attention_maps
from pedseg.inference.autoencoder import load_autoencoder
from pedseg.inference.checkpoint import Model
from pedseg.inference.embed import embed_slices
from pedseg.inference.reconstruct import MaskCodes, embed_masks, reconstruct
from pedseg.inference.sample import Exams, learned_exams, read_exams
from pedseg.losses import majority
from pedseg.networks.attention import finest_gates
from pedseg.networks.domains import is_staged
from pedseg.plan import Plan

SLICES = 300
"""Of each domain. t-SNE of nine scales of three domains then takes about a minute."""
EXAMPLES = 3
"""Exams of each domain shown in pictures."""
Scales = tuple[tuple[NDArray[np.float32], ...], ...]
"""A scale, a domain: (N, d_s) of unit length."""


@dataclass(frozen=True, eq=False)
class Representations:
    """What a fold makes of slices; what it has not is empty, and a note says why.

    Args:
        domains: those with exams, in the plan's order, which is the order of domains in everything else.
        slices: embeddings of images at every scale of the network.
        masks: the same of masks and the auto-encoder.
        codes: (M_k, d) codes of the same masks, averaged over space.
        one_space: codes of all domains are of one auto-encoder and may be compared.
        bone_share: (M_k,) of every mask, the share of its pixels that is bone.
        attention: maps of a few slices.
        reconstructions: of the masks of the same slices.
        notes: what a reader should know.
    """

    domains: tuple[Domain, ...]
    slices: Scales = ()
    masks: Scales = ()
    codes: tuple[NDArray[np.float32], ...] = ()
    one_space: bool = True
    bone_share: tuple[NDArray[np.float64], ...] = ()
    attention: tuple[AttentionMaps, ...] = ()
    reconstructions: tuple[Reconstruction, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Work:
    """One fold at work: its model, exams and device, and the notes that gather."""

    model: Model
    exams: list[Exams]
    device: torch.device
    slices: int
    seed: int
    notes: list[str] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        return self.model.plan


def represent(
    model: Model,
    cache: Path,
    *,
    exams: Mapping[str, Sequence[str]] | None = None,
    slices: int = SLICES,
    seed: int = 0,
    device: torch.device | None = None,
) -> Representations:
    """Run the network and the auto-encoder of a fold over cached slices.

    Args:
        model: of one fold.
        cache: the slice cache of its plan, a folder a domain.
        exams: domain -> cases; None is the validation and training exams of the fold (B, section 3.5).
        slices: of each domain at most, drawn from all of its exams; of masks, from those that show bone.
        seed: of the draw.
        device: where the networks run; None is the CPU.

    Raises:
        ValueError: a model of several folds.
        ModelError, InputError: the fold is not whole, or the cache not its plan's.
    """
    place = device or torch.device("cpu")
    model.network(model.plan.domain_names[0], place)
    chosen = learned_exams(model.folds[0]) if exams is None else exams
    work = _Work(model, read_exams(model.plan, cache, chosen), place, slices, seed)
    values: dict[str, Any] = {"slices": _slices(work), "attention": _attention(work), **_of_masks(work)}
    domains = tuple(model.plan.predicted(part.name).domain for part in work.exams)
    return Representations(domains, **values, notes=tuple(work.notes))


def _slices(work: _Work) -> Scales:
    network = work.plan.network
    if network.apart:
        work.notes.append(f"Scheme {network.scheme}: every domain has a network of its own, no space holds them all.")
        return ()
    if not is_staged(work.model.network(work.plan.domain_names[0], work.device).network):
        work.notes.append(f"Strategy {network.strategy}: the networks of single bones show no scales.")
        return ()
    drawn = []
    for part in work.exams:
        rows, total = part.draw(work.slices, _random(work, part))
        _tell_draw(work, f"{part.name}: {{}} of {total} slices drawn.", sum(map(len, rows)), total)
        drawn.append(embed_slices(work.model, part.name, [part.images(rows)], device=work.device))
    return tuple(zip(*drawn, strict=True))


def _attention(work: _Work) -> tuple[AttentionMaps, ...]:
    if not finest_gates(work.model.network(work.plan.domain_names[0], work.device)):
        work.notes.append(f"{work.plan.network.name} has no attention gates, so there are no attention maps.")
        return ()
    shown = []
    for part in work.exams:
        rows = part.telling(EXAMPLES)
        images = part.images(rows)
        maps = attention_maps(work.model, part.name, images, device=work.device)
        domain = work.plan.predicted(part.name).domain
        shown.append(AttentionMaps(domain, images, maps, part.places(rows)))
    return tuple(shown)


def _of_masks(work: _Work) -> dict[str, Any]:
    """What the auto-encoder makes of masks; nothing where the fold has none."""
    autoencoder = load_autoencoder(work.model.folds[0], work.plan)
    if autoencoder is None or work.plan.shape_prior is None:
        work.notes.append(f"Objective {work.plan.objective.name} trains no auto-encoder of masks.")
        return {}
    autoencoder.to(work.device)
    codes, shares, rebuilt = [], [], []
    for part in work.exams:
        rows, total = part.draw(work.slices, _random(work, part), with_bone=True)
        _tell_draw(work, f"{part.name}: {{}} of {total} masks with bone drawn.", sum(map(len, rows)), total)
        labels = part.labels(rows)
        shares.append((labels > 0).mean((1, 2)))
        codes.append(embed_masks(autoencoder, work.plan, part.name, labels))
        rows = part.telling(EXAMPLES)
        labels = part.labels(rows)
        given = reconstruct(autoencoder, work.plan, part.name, labels)
        domain = work.plan.predicted(part.name).domain
        rebuilt.append(Reconstruction(domain, _shown(labels, domain, given), given, part.places(rows)))
    one_space = work.plan.shape_prior.autoencoder.scheme != "individual"
    return {
        "masks": _scales(codes) if one_space else (),
        "codes": tuple(one.codes for one in codes),
        "one_space": one_space,
        "bone_share": tuple(shares),
        "reconstructions": tuple(rebuilt),
    }


def _scales(codes: Sequence[MaskCodes]) -> Scales:
    return tuple(zip(*(one.scales for one in codes), strict=True))


def _shown(labels: NDArray[np.uint8], domain: Domain, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(E, d W, d W) -> (E, W, W): the label that covers most of each pixel."""
    own = torch.from_numpy(np.minimum(labels, domain.n_classes - 1))
    small: NDArray[np.uint8] = majority(own, domain.n_classes, (given.shape[1], given.shape[2])).numpy()
    return small


def _random(work: _Work, part: Exams) -> np.random.Generator:
    """Of its own a domain, so that what is drawn of one does not hang on the others."""
    return np.random.default_rng((work.seed, work.plan.domain_names.index(part.name)))


def _tell_draw(work: _Work, text: str, count: int, total: int) -> None:
    if count < total:
        work.notes.append(text.format(count))
