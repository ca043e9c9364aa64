"""How the bones of an exam look to the auto-encoder of a fold, and what is to be thought of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from pedseg.errors import ModelError, Notice
from pedseg.evaluation.agreement import agreement_limits
from pedseg.evaluation.plausibility import (
    LOOK_AGAIN,
    NOT_JUDGED,
    Appearance,
    Calibration,
    Verdict,
    heed_agreement,
    judge_bone,
    jump_of,
)
from pedseg.inference.autoencoder import PRIOR, read_autoencoder
from pedseg.inference.checkpoint import Model, to_device
from pedseg.losses import coverage, majority, targets_of
from pedseg.networks import class_logits
from pedseg.networks.state_dicts import read_tensors
from pedseg.plan import Plan
from pedseg.plan.files import read_json
from pedseg.storage.runs import check_file, read_manifest
from pedseg.volumes.slices import SliceGrid, labels_to_windows

CODES = Path("models/plausibility.pt")
LIMITS = Path("models/plausibility.json")
ROWS = 12
"""Slices that the auto-encoder looks at, shared out among bones: each costs what the network takes for one."""
BATCH = 8
"""Slices at once. Fixed, for the batch's size may change the last bits of a convolution."""
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ShapeReader:
    """The auto-encoder of one domain of a fold.

    Args:
        network: of that domain alone, in eval mode.
        plan: of the fold.
        domain: name.
        device: where the network is.
    """

    network: nn.Module
    plan: Plan
    domain: str
    device: torch.device

    @property
    def bones(self) -> tuple[str, ...]:
        """Names of the structures that predictions name."""
        return tuple(self.plan.predicted(self.domain).domain.labels)

    @torch.inference_mode()
    def __call__(self, windows: Labels, *, exam: str) -> dict[str, Appearance]:
        """Measure every bone that is there.

        Args:
            windows: (N, T, d W, d W) labels 0..n of the slices of an exam, as in the slice cache.
            exam: name.
        """
        part = self.plan.domain_plan(self.domain)
        rows = windows.reshape(-1, *windows.shape[2:])
        areas, centres = _centres(rows, len(self.bones), part.window, part.spacing_mm)
        volumes, jump = areas.sum(axis=0), jump_of(_tracks(areas, centres, windows.shape[1]))
        codes, dice = self._drawn(rows, _chosen(areas))
        return {
            bone: Appearance(exam, codes[i], float(dice[i]), float(volumes[i] / volumes.sum()), jump)
            for i, bone in enumerate(self.bones)
            if volumes[i] > 0
        }

    def _drawn(self, rows: Labels, chosen: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Codes averaged over each bone's area (bones, C), and the Dice of each bone with its drawing (bones,)."""
        codes: NDArray[np.float64] | float = 0.0
        area = overlap = total = np.zeros(len(self.bones))
        for start in range(0, len(chosen), BATCH):
            labels = torch.from_numpy(np.ascontiguousarray(rows[list(chosen[start : start + BATCH])])).to(self.device)
            part = self._batch(labels)
            codes, area, overlap, total = codes + part[0], area + part[1], overlap + part[2], total + part[3]
        there = np.maximum(area, np.finfo(np.float64).tiny)
        return np.asarray(codes) / there[:, None], 2 * overlap / np.maximum(total, 1)

    def _batch(self, labels: Tensor) -> tuple[NDArray[np.float64], ...]:
        """Of some rows, bone by bone: codes times area, area, pixels of bone and drawing, pixels of either."""
        window, index = self.plan.domain_plan(self.domain).window, self.plan.domain_names.index(self.domain)
        size, n_classes, coding = (window, window), len(self.bones) + 1, self.plan.coding
        sizes = [len(labels) if i == index else 0 for i in range(len(self.plan.domains))]
        mask = targets_of(labels, sizes, coding, size=size)[index]
        layout = torch.channels_last if self.plan.schedule.channels_last else torch.contiguous_format
        code = self.network.encode(mask.contiguous(memory_format=layout))  # type: ignore[operator]
        drawn = class_logits(self.network.decode(code), coding, index).argmax(1)  # type: ignore[operator]
        own = majority(labels, n_classes, size)
        weights = adaptive_avg_pool2d(coverage(labels, n_classes, size)[:, 1:], code.shape[2:]).double()
        # one code a mask, or, of auto-encoders of single bones, one a bone
        every = code.double().unflatten(0, (-1, len(labels))).expand(len(self.bones), -1, -1, -1, -1)
        sums = torch.einsum("lbchw,blhw->lc", every, weights)
        names = torch.arange(1, n_classes, device=labels.device)[:, None, None, None]
        mine, theirs = own == names, drawn == names  # (bones, B, W, W)
        counted = ((mine & theirs).sum((1, 2, 3)), mine.sum((1, 2, 3)) + theirs.sum((1, 2, 3)))
        return tuple(x.cpu().numpy().astype(np.float64) for x in (sums, weights.sum((0, 2, 3)), *counted))


@dataclass(frozen=True, eq=False)
class ShapeJudge:
    """Verdicts on the bones of one domain.

    Args:
        reader: measures them.
        known: bone -> what training's look like.
    """

    reader: ShapeReader
    known: Mapping[str, Calibration]

    def __call__(self, windows: Labels) -> dict[str, Verdict]:
        """Verdicts on an exam, bone by bone; see `ShapeReader`."""
        seen = self.reader(windows, exam="")
        return {bone: judge_bone(seen.get(bone), self.known[bone]) for bone in self.reader.bones}


def judge(labels: Labels, grid: SliceGrid, model: Model, domain: str, *, device: torch.device) -> dict[str, Verdict]:
    """Verdicts on every bone of a prediction, by the auto-encoder of the model's first fold.

    Args:
        labels: (I, J, K) on the exam's grid.
        grid: its slices, as the network saw them.
        model: what made the labels.
        domain: name.
        device: where the auto-encoder runs.

    Raises:
        ModelError: see `load_reader`.
    """
    part = model.plan.predicted(domain)
    if missing := _unjudged(model):
        return {bone: Verdict(NOT_JUDGED, (missing,)) for bone in part.domain.labels}
    key = (domain, str(device))
    if key not in model.judges:
        model.judges[key] = load_judge(model.folds[0], model.plan, domain, device)
    decide: ShapeJudge = model.judges[key]
    return decide(labels_to_windows(labels, grid.finer(part.label_detail), part.domain.n_classes))


def with_agreement(
    verdicts: Mapping[str, Verdict], agreement: Mapping[str, float] | None, model: Model, domain: str
) -> dict[str, Verdict]:
    """Verdicts that also heed how far the folds agree, where the run knows how far they should (`agreement_limits`).

    Args:
        verdicts: bone by bone.
        agreement: of the bones that any fold has found; None of one fold.
        model: its folds' run may hold limits.
        domain: name.
    """
    if not agreement:
        return dict(verdicts)
    limits = agreement_limits(model.folds[0].parent).get(domain, {})
    return {
        bone: heed_agreement(verdict, agreement[bone], limits.get(bone)) if bone in agreement else verdict
        for bone, verdict in verdicts.items()
    }


def notices_of(verdicts: Mapping[str, Verdict]) -> tuple[Notice, ...]:
    """A warning a bone that asks for another look; one that is missing has its own."""
    return tuple(
        Notice("PS-W132", f"{bone}: does not look like a training bone ({', '.join(verdict.reasons)}): look again")
        for bone, verdict in verdicts.items()
        if verdict.verdict == LOOK_AGAIN and verdict.values
    )


def load_judge(fold: Path, plan: Plan, domain: str, device: torch.device) -> ShapeJudge:
    """The auto-encoder of one domain of a fold, with what its bones of training look like.

    Raises:
        ModelError: see `load_reader`; PS-A86 limits that are damaged.
    """
    check_file(fold, PRIOR)
    check_file(fold, CODES)
    check_file(fold, LIMITS)
    codes, limits = read_tensors(fold / CODES), read_json(fold / LIMITS, "train the fold again")
    try:
        known = {
            bone: Calibration.of_limits(values, codes[f"{domain}/{bone}"].numpy())
            for bone, values in limits["domains"][domain].items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("PS-A86", f"{fold.name}/{LIMITS} and {CODES.name} do not fit: train the fold again") from error
    return ShapeJudge(load_reader(fold, plan, domain, device), known)


def load_reader(fold: Path, plan: Plan, domain: str, device: torch.device) -> ShapeReader:
    """The auto-encoder of one domain of a fold in training or finished.

    Raises:
        ModelError: PS-A86 damaged, PS-A98 more than tensors, PS-A102 not the plan's.
    """
    own = read_autoencoder(fold, plan).select(plan.domain_names.index(domain)).eval()
    return ShapeReader(to_device(own, plan, device), plan, domain, device)


def _unjudged(model: Model) -> str:
    """Why a model judges nothing; empty where it does."""
    if model.plan.shape_prior is None:
        return f"objective {model.plan.objective.name} trains no auto-encoder of shapes"
    if LIMITS.as_posix() not in read_manifest(model.folds[0])["files"]:
        return "the fold was trained before limits were drawn: train it again"
    return ""


def _centres(
    rows: Labels, n_bones: int, window: int, spacing_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area in pixels (R, bones) and centre in mm (R, bones, 2) of every bone in every row of the stack."""
    areas, centres = np.zeros((len(rows), n_bones)), np.zeros((len(rows), n_bones, 2))
    places = (np.arange(rows.shape[1]) + 0.5) * spacing_mm * window / rows.shape[1]
    for r, row in enumerate(rows):
        if not row.any():
            continue
        for bone in np.unique(row[row > 0]) - 1:
            mask = row == bone + 1
            profiles = mask.sum(axis=1), mask.sum(axis=0)
            areas[r, bone] = profiles[0].sum()
            centres[r, bone] = [profile @ places / areas[r, bone] for profile in profiles]
    return areas, centres


def _tracks(areas: NDArray[np.float64], centres: NDArray[np.float64], n_windows: int) -> Iterator[NDArray[np.float64]]:
    """Centres of a bone in a window, as far as it is there in slice after slice."""
    for window in range(n_windows):
        for bone in range(areas.shape[1]):
            there = np.flatnonzero(areas[window::n_windows, bone])
            runs = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)
            yield from (centres[window::n_windows, bone][run] for run in runs)


def _chosen(areas: NDArray[np.float64]) -> list[int]:
    """Rows of the stack to look at: of each bone as many, spread evenly over it."""
    share = -(-ROWS // areas.shape[1])
    rows: set[int] = set()
    for area in areas.T:
        there = np.flatnonzero(area)
        if there.size:
            rows.update(there[np.unique(np.linspace(0, there.size - 1, share).round().astype(int))].tolist())
    return sorted(rows)
