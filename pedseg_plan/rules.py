"""Rules of planning: facts and wishes in, a value and its reason out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import numpy as np

from pedseg.errors import UsageError
from pedseg.names import Precision
from pedseg.plan import (
    EncoderWeights,
    Fold,
    NetworkSpec,
    ObjectiveSpec,
    PriorSpec,
    Scheme,
    Strategy,
    misfit,
    prior_for,
    unfit_scheme,
)
from pedseg.plan.encoder import IMAGENET, NONE, encoder_weights
from pedseg.plan.files import parse
from pedseg.plan.fingerprint import ExamFacts
from pedseg.plan.machine import bfloat16_unit
from pedseg.plan.objective import Misfit
from pedseg.plan.preset import Preset
from pedseg.plan.spec import Plane
from pedseg.storage.splits import k_fold, leave_one_out

T = TypeVar("T")
Cases = Mapping[str, Mapping[str, str]]
"""Domain -> case -> patient."""

LEAST_WINDOW = 32
SPACING_PERCENTILE = 95
SPACING_STEP_MM = 1e-4
FEW_PATIENTS = 20
MANY_FOLDS = 5


@dataclass(frozen=True)
class Decision(Generic[T]):
    """A planned value and the reason for it."""

    value: T
    why: str


def plane_rule(exams: Mapping[str, ExamFacts]) -> Decision[Plane]:
    """The plane most exams were acquired in; axial where nothing or no majority tells (as papers A and C)."""
    votes = Counter(e.plane for e in exams.values() if e.plane)
    ranked = votes.most_common(2)
    tally = ", ".join(f"{n} {plane}" for plane, n in ranked)
    if not ranked:
        return Decision("axial", "no exam shows the plane it was acquired in: as papers A and C")
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return Decision("axial", f"no majority ({tally}): as papers A and C")
    return Decision(ranked[0][0], f"acquired plane of {ranked[0][1]} of {len(exams)} exams")


def spacing_rule(exams: Mapping[str, ExamFacts], plane: Plane, window: int) -> Decision[float]:
    """In-plane pixel size in mm so that the window holds the field of view (METHODS, section 2).

    The 95th percentile over exams of the larger in-plane field of view, divided by the window; rounded up, so
    that an exam of just that size still fits. The percentile is an exam's own, the next larger one: between two
    exams it would cut the widest of every cohort under 20 by a hair, and double its slices.
    """
    fields = [e.fov_mm(plane) for e in exams.values()]
    field = float(np.percentile(fields, SPACING_PERCENTILE, method="higher"))
    spacing = math.ceil(round(field / window / SPACING_STEP_MM, 6)) * SPACING_STEP_MM
    # Up to a pixel more still fits: half of one over either end belongs to the outer ones.
    wider = sum(f > spacing * (window + 1) for f in fields)
    tail = f"; {wider} wider: overlapping windows" if wider else ""
    why = f"95th percentile of the larger in-plane field of view, {field:.1f} mm, over {window} pixels{tail}"
    return Decision(round(spacing, 4), why)


def network_rule(
    preset: Preset, name: str | None, scheme: str | None, *, strategy: str | None = None, n_domains: int = 1
) -> Decision[NetworkSpec]:
    """The preset's network, or the one asked for; with the preset's channels where it can have them.

    A strategy of bones makes one domain `individual`; several have to be asked to be trained apart.
    """
    chosen = preset.for_network(name)
    values, why = chosen.network.model_dump(), chosen.why["network"]
    if scheme and scheme != chosen.network.scheme:
        values |= {"scheme": scheme}
        why += f"; scheme {scheme} asked for"
    if strategy and strategy != chosen.network.strategy:
        values |= {"strategy": strategy, **({"scheme": "individual"} if n_domains == 1 and not scheme else {})}
        why += f"; strategy {strategy} asked for"
    return Decision(parse(NetworkSpec, values, "options"), why)


def encoder_rule(network: NetworkSpec, wanted: str | None) -> Decision[EncoderWeights]:
    """What the encoder starts from: ImageNet where it can, as the papers' do (B section 2.1.1, D section 3.2).

    Args:
        network: the planned one.
        wanted: see `encoder_weights`; None leaves it to the network.
    """
    if wanted:
        return Decision(encoder_weights(network, wanted), "asked for")
    if not network.has_imagenet_encoder:
        return Decision(EncoderWeights(), f"{network.name} has no ImageNet encoder: weights are drawn from the seed")
    why = f"as the papers; fetched once when training starts; without a network: a file, or --encoder-weights {NONE}"
    return Decision(EncoderWeights(source=IMAGENET), why)


def check_scheme(network: NetworkSpec, domains: Sequence[str]) -> None:
    """Refuse a scheme or a strategy that the domains do not allow.

    Raises:
        UsageError: PS-A120.
    """
    if unfit := unfit_scheme(network, domains):
        raise UsageError("PS-A120", unfit)


def objective_rule(
    preset: Preset, name: str | None, scheme: str, n_domains: int, *, strategy: str = "multi"
) -> Decision[ObjectiveSpec]:
    """The preset's objective, or the nearest that scheme and domains allow; or the one asked for.

    Contrast between networks apart does not exist and is switched off, asked for or not (METHODS, section 4).

    Raises:
        UsageError: PS-A120 another objective that was asked for does not fit, or the preset has no figures for it.
    """
    wanted = preset.objective_named(name) if name else preset.objective
    fault = misfit(wanted.name, scheme, n_domains, strategy=strategy)
    if fault is None:
        return Decision(wanted, "asked for, with the preset's figures" if name else preset.why["objective"])
    if fault.nearest not in preset.objectives:
        fault = Misfit(fault.reason, "ce")
    if name and not (name in ("ssc", "msc") and (n_domains == 1 or scheme == "individual")):
        raise UsageError("PS-A120", str(fault))
    cause = "there is one domain" if n_domains == 1 else f"the scheme is {scheme}"
    if misfit(wanted.name, scheme, n_domains) is None:
        cause = f"the strategy is {strategy}"
    change = "is switched off" if fault.nearest == "ce" else f"becomes {fault.nearest}"
    lack = ", nothing to contrast" if wanted.contrasts else ""
    return Decision(preset.objective_named(fault.nearest), f"{wanted.name} {change}: {cause}{lack}")


def prior_rule(
    preset: Preset, objective: ObjectiveSpec, scheme: Scheme, *, strategy: Strategy = "multi"
) -> Decision[PriorSpec | None]:
    """How the auto-encoder of an objective is trained: the preset's figures, else those of the objective's paper."""
    found = prior_for(objective, scheme, figures=preset.prior, strategy=strategy)
    paper = "B table 1" if "mjap" in objective.weights else "C section 3.2, D section 3.3"
    return Decision(found, preset.why["prior"] if preset.prior else f"the preset has no figures: {paper}")


def check_batch(asked: int | None, n_domains: int, scheme: str) -> None:
    """Refuse a batch that was asked for and leaves a domain fewer than two slices, which a batch norm needs.

    Raises:
        UsageError: PS-A120.
    """
    parts = 1 if scheme in ("individual", "transfer") else n_domains
    if asked is not None and asked < 2 * parts:
        text = f"a batch of {asked} leaves {asked // parts} slices of each domain, two are needed: use {2 * parts}"
        raise UsageError("PS-A120", text)


def check_window(asked: int | None, network: NetworkSpec) -> None:
    """Refuse a window that was asked for and that the network cannot halve as often as it does.

    Raises:
        UsageError: PS-A120.
    """
    stride = network.coarsest_stride
    if asked is not None and (asked < LEAST_WINDOW or asked % stride):
        below = max(LEAST_WINDOW, asked // stride * stride)
        wanted = f"windows that are multiples of {stride}, not {asked}: use {below} or {below + stride}"
        raise UsageError("PS-A120", f"{network.name} takes {wanted}")


def batch_why(share: int, n_domains: int, asked: int, scheme: str) -> str:
    """What the batch becomes: every domain gets an equal share, 2 at least (METHODS, section 4)."""
    if scheme in ("individual", "transfer"):
        return f"every network is trained alone: {share} slices of its domain a batch"
    return f"{asked} over {n_domains} domains: {share} slices each, so {share * n_domains} in a batch"


def precision_rule(wanted: str, flags: frozenset[str]) -> Decision[Precision]:
    """Arithmetic of the convolutions; `auto` takes bfloat16 where the processor has a unit for it.

    Args:
        wanted: `auto` or a `pedseg.names.Precision`.
        flags: instruction sets of the processor.
    """
    if wanted == "float16":
        return Decision("float16", "asked for by the preset or a flag; on a GPU: processors compute in float32 instead")
    if wanted in ("float32", "bfloat16"):
        return Decision(cast("Precision", wanted), "asked for by the preset or a flag")
    if unit := bfloat16_unit(flags):
        return Decision("bfloat16", f"auto: the processor has {unit}")
    return Decision("float32", "auto: the processor has no bfloat16 unit")


def folds_rule(cases: Cases, wanted: str | None) -> Decision[tuple[Fold, ...]]:
    """Folds by patient: leave-one-out (METHODS, section 8) up to 20 patients, else 5 folds.

    Args:
        cases: the exams of the plan.
        wanted: "loo", a number, or None.

    Raises:
        UsageError: PS-A120 not a number of at least 2, PS-A89 more folds than patients.
    """
    fewest = min(len(set(members.values())) for members in cases.values())
    if wanted == "loo" or (wanted is None and fewest <= FEW_PATIENTS):
        folds = leave_one_out(cases)
        return Decision(folds, f"leave one patient out; the smallest domain has {fewest}")
    count = MANY_FOLDS if wanted is None else _fold_count(str(wanted))
    reason = "asked for" if wanted else f"more than {FEW_PATIENTS} patients in every domain"
    return Decision(k_fold(cases, count), f"{count} folds by patient: {reason}")


def trained_on_validation(folds: Sequence[Fold]) -> tuple[str, ...]:
    """Domains that have no exam left to validate on: training exams stand in."""
    names = dict.fromkeys(d for f in folds for d, v in f.validation.items() if set(v) & set(f.train[d]))
    return tuple(names)


def _fold_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise UsageError("PS-A120", f"--folds {text}: wanted 'loo' or a number of at least 2")
    return int(text)
