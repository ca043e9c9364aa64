"""What the bones of a fold's exams look like to its auto-encoder: drawn up once its network is trained."""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from pedseg.bundle.generations import save_tensors
from pedseg.bundle.recipe import Recipe, fold_entries
from pedseg.evaluation.overlap import dice
from pedseg.evaluation.plausibility import Appearance, Calibration, calibrate
from pedseg.inference.checkpoint import to_device
from pedseg.inference.plausibility import CODES, LIMITS, ShapeReader, load_reader
from pedseg.inference.predict import mirror_of, predict_windows, restore
from pedseg.networks import SelectedNetwork
from pedseg.networks.state_dicts import read_tensors
from pedseg.storage.cache import CacheEntry
from pedseg.storage.prepare import Prepared
from pedseg.storage.runs import WEIGHTS
from pedseg.volumes.slices import SliceGrid, labels_to_windows
from pedseg.workspace import write_json

log = logging.getLogger("pedseg.train")
OUTLINED = 0.7
"""Dice of a validation exam's bone from which its outline counts as good: a bad one must not widen the limits."""
Labels = NDArray[np.uint8]


def calibrate_fold(recipe: Recipe, device: torch.device) -> None:
    """Write `models/plausibility.pt`, codes of the bones of training, and `models/plausibility.json`, their limits.

    References are the training and validation exams; validation exams count also as the network outlines them, where it
    does so well.
    Nothing is written where the plan has no auto-encoder.

    Args:
        recipe: the fold, its network trained.
        device: where networks run.
    """
    if recipe.plan.shape_prior is None:
        return
    known = {
        name: calibrate_domain(recipe, name, (train, validation), device)
        for name, train, validation in zip(
            recipe.plan.domain_names, fold_entries(recipe, "train"), fold_entries(recipe, "validation"), strict=True
        )
    }
    codes = {f"{d}/{bone}": torch.from_numpy(c.codes) for d, bones in known.items() for bone, c in bones.items()}
    save_tensors(recipe.root / CODES, codes)
    domains = {d: {bone: c.limits for bone, c in bones.items()} for d, bones in known.items()}
    write_json(recipe.root / LIMITS, {"schema": 1, "domains": domains})
    log.info("plausibility: limits from %s exams", ", ".join(f"{d} {_exams(bones)}" for d, bones in known.items()))


def calibrate_domain(
    recipe: Recipe, name: str, entries: tuple[list[CacheEntry], list[CacheEntry]], device: torch.device
) -> dict[str, Calibration]:
    """Limits of every bone of a domain, from its training and validation exams."""
    train, validation = entries
    reader = load_reader(recipe.root, recipe.plan, name, device)
    known = {entry.manifest.case: entry for entry in (*train, *validation)}  # where training exams stand in: once
    references = [reader(_labels(recipe, entry), exam=case) for case, entry in known.items()]
    network = SelectedNetwork(recipe.plan, name)
    network.load_state_dict(read_tensors(recipe.root / WEIGHTS))
    network = to_device(network.eval(), recipe.plan, device)
    predicted = [_predicted(recipe, entry, reader, network) for entry in validation]
    return {
        bone: calibrate(_of(bone, references), _of(bone, predicted), exams=len(references)) for bone in reader.bones
    }


def _predicted(
    recipe: Recipe, entry: CacheEntry, reader: ShapeReader, network: SelectedNetwork
) -> dict[str, Appearance]:
    """The bones that a network outlines well in a cached exam, measured as a prediction's are."""
    plan, name, device = reader.plan, reader.domain, reader.device
    grid = SliceGrid.of_plain(entry.manifest.grid)
    prepared = Prepared(grid, np.zeros((0, 0, 0), np.float32), ())  # its slices stand in the cache
    images = np.asarray(entry.images).reshape(grid.n_slices, -1, *entry.images.shape[1:])
    mirror = mirror_of(prepared, plan, name)
    labels = restore(prepared, list(predict_windows([network], images, plan, device, mirror=mirror)), plan, name)
    part = plan.predicted(name)
    windows = labels_to_windows(labels, grid.finer(part.label_detail), part.domain.n_classes)
    scores = dict(zip(reader.bones, dice(windows, _labels(recipe, entry), part.domain.n_classes), strict=True))
    seen = reader(windows, exam=entry.manifest.case)
    return {bone: look for bone, look in seen.items() if scores[bone] >= OUTLINED}


def _labels(recipe: Recipe, entry: CacheEntry) -> Labels:
    """(N, T, d W, d W) reference labels as predictions name them."""
    labels = np.asarray(entry.labels)
    labels = labels.clip(max=1) if recipe.plan.network.strategy == "global" else labels
    return labels.reshape(-1, len(entry.manifest.grid["offsets"]), *labels.shape[1:])


def _of(bone: str, exams: list[dict[str, Appearance]]) -> list[Appearance]:
    return [exam[bone] for exam in exams if bone in exam]


def _exams(bones: dict[str, Calibration]) -> int:
    return max(c.exams for c in bones.values())
