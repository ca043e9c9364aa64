"""A volume in, labels on the same grid out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pedseg.data.augment import Mirror
from pedseg.domains import Domain
from pedseg.errors import Notice
from pedseg.evaluation.plausibility import Verdict
from pedseg.inference.agreement import Votes
from pedseg.inference.checkpoint import Model, load_model
from pedseg.inference.device import autocast
from pedseg.inference.plausibility import judge, notices_of, with_agreement
from pedseg.plan import DomainPlan, Plan
from pedseg.storage.prepare import Prepared, prepare
from pedseg.volumes import Volume
from pedseg.volumes.postprocess import Box, postprocess
from pedseg.volumes.slices import from_windows, stack_to_windows, windows_to_onehot

BATCH = 8
"""Windows at once. Fixed, for the batch's size may change the last bits of a convolution."""
SPACING_FACTOR = 2.0
"""An exam whose pixels differ from the plan's by more than this is named: its bones look unlike training's."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Labels of one exam.

    Args:
        labels: (I, J, K) uint8 on the exam's grid.
        domain: whose structures they are.
        notices: what a reader should know.
        seconds: wall time a stage.
        agreement: structure -> mean Dice between every two folds' own labels (see `Votes`); None where one fold
            predicted.
        plausibility: bone -> whether it looks like those of training.
        postprocessed: as the plan says, or as the networks gave them.
    """

    labels: Volume
    domain: Domain
    notices: tuple[Notice, ...]
    seconds: dict[str, float]
    agreement: dict[str, float] | None = None
    plausibility: Mapping[str, Verdict] = field(default_factory=dict)
    postprocessed: bool = True


def predict_volume(
    volume: Volume,
    run: Model | Path | str,
    *,
    domain: str,
    device: torch.device | None = None,
    postprocess: bool = True,
) -> Prediction:
    """Segment one exam with the mean softmax of all finished folds.

    Args:
        volume: the image.
        run: a run folder, one of its folds, or what `load_model` gave.
        domain: name of one of the model's domains.
        device: where the networks run; None is the CPU.
        postprocess: as the plan says; False leaves labels as the networks give them.

    Raises:
        ModelError: the model cannot be used for this.
        InputError: PS-A65, PS-A66 the image cannot be used.
    """
    model = run if isinstance(run, Model) else load_model(run)
    place = device or torch.device("cpu")
    clock = Stopwatch()
    with clock.stage("load"):
        networks = model.networks(domain, place)
    part = model.plan.predicted(domain)
    votes = Votes(len(networks), part.domain.n_classes) if len(networks) > 1 else None
    with clock.stage("prepare"):
        prepared = prepare(volume, model.plan.domain_plan(domain))
    with clock.stage("network"):
        mirror = mirror_of(prepared, model.plan, domain)
        windows = predict_windows(networks, prepared.windows(), model.plan, place, mirror=mirror, votes=votes)
        probabilities = list(windows)
    with clock.stage("restore"):
        labels = restore(prepared, probabilities, model.plan, domain, postprocessed=postprocess)
    agreement = votes.agreement(part.domain) if votes else None
    with clock.stage("judge"):
        verdicts = judge(labels, prepared.grid, model, domain, device=place)
        verdicts = with_agreement(verdicts, agreement, model, domain)
    prediction = describe(volume, prepared, labels, part, seconds=clock.seconds, plausibility=verdicts)
    return replace(prediction, agreement=agreement, postprocessed=postprocess)


def mirror_of(prepared: Prepared, plan: Plan, domain: str) -> Mirror | None:
    """What the mirror image of an exam's slices means, where the plan asks for it and training has seen such."""
    part = plan.predicted(domain)
    axis = prepared.grid.left_right_axis
    if not plan.prediction.mirror or axis is None or prepared.grid.plane != part.plane:
        return None
    return Mirror(axis, part.domain.mirrored_labels)


def predict_windows(
    networks: Sequence[nn.Module],
    windows: Iterable[NDArray[np.float16]],
    plan: Plan,
    device: torch.device,
    *,
    mirror: Mirror | None = None,
    votes: Votes | None = None,
) -> Iterator[NDArray[np.float16]]:
    """Mean softmax of networks, slice by slice.

    Args:
        networks: of one domain, in eval mode on the device.
        windows: N times (T, W, W).
        plan: says precision and layout.
        device: where the networks are.
        mirror: average with the mirror image too.
        votes: counts the networks' own labels, where it is asked how far they agree.

    Yields:
        N times (T, C, W, W), summing to one over C.
    """
    stream = iter(windows)
    while slices := list(islice(stream, BATCH)):
        images = torch.from_numpy(np.concatenate(slices).astype(np.float32))[:, None]
        yield from np.split(_mean_softmax(networks, images.to(device), plan, mirror, votes), len(slices))


def restore(
    prepared: Prepared,
    probabilities: Iterable[NDArray[np.float16]],
    plan: Plan,
    domain: str,
    *,
    postprocessed: bool = True,
) -> NDArray[np.uint8]:
    """Probabilities of slices -> labels on the exam's grid, post-processed (METHODS, section 7) unless not wanted."""
    n_classes = plan.predicted(domain).domain.n_classes
    pieces = _pieces(plan, domain)
    wanted = plan.prediction.postprocess and postprocessed
    if wanted and plan.prediction.postprocess_grid == "slices":
        return _processed_on_slices(prepared, probabilities, n_classes, pieces)
    restored = from_windows(probabilities, prepared.grid)
    if not wanted:
        return restored.labels
    return postprocess(restored.labels, n_classes, restored.probability, pieces=pieces)


def describe(
    volume: Volume,
    prepared: Prepared,
    labels: NDArray[np.uint8],
    part: DomainPlan,
    *,
    seconds: dict[str, float],
    plausibility: Mapping[str, Verdict],
) -> Prediction:
    """Labels with everything a reader should know about them."""
    notices = (*volume.notices, *prepared.notices, *_spacing_notice(prepared, part.spacing_mm))
    notices = (*notices, *_findings(labels, part.domain), *notices_of(plausibility))
    return Prediction(volume.with_array(labels), part.domain, notices, seconds, plausibility=plausibility)


def _pieces(plan: Plan, domain: str) -> int:
    """Connected components a label keeps: one, or as many as the union of all bones has bones (D, section 3.3)."""
    return len(plan.domain_plan(domain).domain.structures) if plan.network.strategy == "global" else 1


def _findings(labels: NDArray[np.uint8], domain: Domain) -> tuple[Notice, ...]:
    """What was not found."""
    found = np.bincount(labels.ravel(), minlength=domain.n_classes)
    if not found[1:].any():
        return (Notice("PS-W112", "no structure was found: is this the right domain?"),)
    missing = [s.name for s, n in zip(domain.structures, found[1:], strict=True) if not n]
    return (Notice("PS-W124", f"not found: {', '.join(missing)}"),) if missing else ()


class Stopwatch:
    """Wall time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def _processed_on_slices(
    prepared: Prepared, probabilities: Iterable[NDArray[np.float16]], n_classes: int, pieces: int
) -> NDArray[np.uint8]:
    """Post-process the stack of slices, as the papers did, then bring its labels back."""
    stack = from_windows(probabilities, prepared.grid).stack
    labels = stack.argmax(1).astype(np.uint8)

    def ask(label: int, box: Box) -> NDArray[np.float32]:
        return stack[:, label][box].astype(np.float32)

    labels = postprocess(labels, n_classes, ask, pieces=pieces)
    windows = stack_to_windows(labels, prepared.grid)
    return from_windows(windows_to_onehot(windows, n_classes), prepared.grid).labels


def _mean_softmax(
    networks: Sequence[nn.Module], images: torch.Tensor, plan: Plan, mirror: Mirror | None, votes: Votes | None
) -> NDArray[np.float16]:
    views = [None] if mirror is None else [None, mirror]  # None: as they are
    total, labels = torch.zeros(()), []
    for network in networks:
        seen = [_softmax(network, images, plan, view) for view in views]
        total = sum(seen, total)
        if votes:
            own = sum(seen, torch.zeros(()))
            labels.append(own.max(1).indices.to(torch.uint8))  # argmax takes up to seven times as long
    if votes:
        votes.add(torch.stack(labels))
    probabilities: NDArray[np.float16] = (total / (len(networks) * len(views))).half().cpu().numpy()
    return probabilities


@torch.inference_mode()
def _softmax(network: nn.Module, images: torch.Tensor, plan: Plan, mirror: Mirror | None) -> torch.Tensor:
    """(B, 1, W, W) -> (B, C, W, W), looked at as they are or in the mirror."""
    layout = torch.channels_last if plan.schedule.channels_last else torch.contiguous_format
    flip = [] if mirror is None else [axis + 2 for axis in (0, 1) if axis == mirror.left_right_axis]
    with autocast(plan.schedule.precision, images.device):
        logits: torch.Tensor = network(images.flip(flip).contiguous(memory_format=layout))
    probabilities = logits.float().softmax(1).flip(flip)
    return probabilities[:, list(mirror.labels)] if mirror and flip else probabilities


def _spacing_notice(prepared: Prepared, planned_mm: float) -> tuple[Notice, ...]:
    own = max(pair.spacing_mm for pair in prepared.grid.pairs)
    if own <= SPACING_FACTOR * planned_mm:
        return ()
    return (Notice("PS-W122", f"pixels of {own:.2f} mm, the model was planned for {planned_mm:.2f} mm: look closely"),)
