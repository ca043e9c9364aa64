"""The auto-encoder of a fold: trained before the network on the fold's training masks, then frozen (B, section 2.3)."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from pedseg.bundle.generations import Generations, save_tensors
from pedseg.bundle.progress import History
from pedseg.bundle.recipe import Recipe
from pedseg.bundle.workflow import run_config
from pedseg.data.batches import EqualBatches
from pedseg.data.dataset import SliceDataset
from pedseg.errors import ModelError, UsageError
from pedseg.inference.autoencoder import PRIOR, read_autoencoder
from pedseg.losses import Objective
from pedseg.networks import MultiDomainAutoencoder, ShapeEncoder, build_autoencoder
from pedseg.plan import PriorSpec, label_digest
from pedseg.plan.files import read_json
from pedseg.workspace import digest_of, file_digest, write_json

log = logging.getLogger("pedseg.train")
NOTE = Path("models/prior.json")
"""Says what `prior.pt` was made from and how well it reconstructs, with a checksum of that; written behind it."""


class FoldPrior:
    """F of a fold (`MaskEncoder`): read when the first masks come, for it is trained after this is made.

    Args:
        recipe: the fold.
        device: where masks are.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.device = device
        self._encoder: ShapeEncoder | None = None

    def __call__(self, masks: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Codes of every domain; gradients pass to masks that ask for them, none stay.

        Raises:
            ModelError: see `load_prior`.
        """
        if self._encoder is None:
            self._encoder = ShapeEncoder(_placed(load_prior(self.recipe), self.recipe, self.device))
        codes: tuple[Tensor, ...] = self._encoder(masks)
        return codes


def run_prior(recipe: Recipe, dataset: SliceDataset, device: torch.device, *, resume: bool = True) -> None:
    """Train the auto-encoder of a fold by its `configs/prior.yaml`, unless none is needed or the right one stands.

    torch's random state is left as it is found: the network comes out the same whether or not this had work to do.

    Args:
        recipe: the fold.
        dataset: its training slices.
        device: where to train.
        resume: take up where a former training of the same auto-encoder stopped.
    """
    if recipe.plan.shape_prior is None:
        return
    digest = prior_digest(recipe, dataset)
    if standing_note(recipe.root).get("digest") == digest:
        log.info("prior: %s stands", PRIOR.name)
        Generations(recipe.root, "prior").forget()  # killed behind its note, a training leaves them
        return
    (recipe.root / NOTE).unlink(missing_ok=True)
    begun = Generations(recipe.root, "prior").newest() if resume else None
    goes_on = begun is not None and begun["plan"] == digest
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        run_config(recipe.root, "prior", device=device, resume=goes_on, dataset_dir=str(recipe.cache))


def prior_digest(recipe: Recipe, dataset: SliceDataset) -> str:
    """sha256 of what the auto-encoder depends on: its plan, and the labels it learns from. No image is among it."""
    plan = recipe.plan
    numerical = {"seed", "precision", "channels_last", "clip_norm", "decay"}
    exams = [[(e.manifest.case, e.manifest.files["labels"].sha256) for e in entries] for entries in dataset.data]
    return digest_of(
        {
            "prior": _spec(recipe).model_dump(mode="json", exclude_defaults=True),
            "dice_weight": plan.objective.dice_weight,
            "augmentation": plan.augmentation.model_dump(mode="json", exclude_defaults=True),
            "schedule": plan.schedule.model_dump(mode="json", include=numerical, exclude_defaults=True),
            "domains": [label_digest(part) for part in plan.domains],
            "labels": exams,
        }
    )


def prior_network(recipe: Recipe, device: torch.device) -> nn.Module:
    """The auto-encoder with fresh weights drawn from the plan's seed."""
    return _placed(_built(recipe), recipe, device)


def prior_objective(recipe: Recipe) -> Objective:
    """Its loss: L_CE + lambda_1 L_MSC where domains are told apart in one network (B eq. 6), else L_CE (D eq. 5).

    Soft Dice is added where the network's loss has it, with the same weight.
    """
    added = {"dice_weight": recipe.plan.objective.dice_weight}
    spec = _spec(recipe).autoencoder.objective.model_copy(update=added)
    return Objective(spec, len(recipe.plan.domains), coding=recipe.plan.coding)


def prior_batches(recipe: Recipe, dataset: SliceDataset) -> EqualBatches:
    """Batches with an equal share of each domain; each its own where nothing is shared."""
    spec = _spec(recipe)
    shared = spec.autoencoder.scheme != "individual"
    share = spec.share(len(recipe.plan.domains))
    return EqualBatches(dataset, share, seed=recipe.plan.schedule.seed, reuse=shared)


def finish_prior(recipe: Recipe, dataset: SliceDataset, network: nn.Module, history: History) -> None:
    """Keep the auto-encoder of the last epoch, and say how well it reconstructs masks it has not learned from."""
    learned = [name for name in recipe.plan.domain_names if recipe.fold.train.get(name)]  # a transfer's source: not
    dice = {name: history.rows[-1][f"dice_{name}"] for name in learned}
    save_tensors(recipe.root / PRIOR, {k: v.detach().cpu() for k, v in network.state_dict().items()})
    note = {
        "schema": 1,
        "digest": prior_digest(recipe, dataset),
        "sha256": file_digest(recipe.root / PRIOR),
        "epochs": len(history.rows),
        "dice": {name: None if math.isnan(value) else value for name, value in dice.items()}
    }
    write_json(recipe.root / NOTE, {**note, "checksum": digest_of(note)})
    Generations(recipe.root, "prior").forget()
    log.info("prior: Dice of validation masks reconstructed: %s", ", ".join(f"{k} {v:.3f}" for k, v in dice.items()))


def load_prior(recipe: Recipe) -> MultiDomainAutoencoder:
    """The trained auto-encoder of a fold.

    Raises:
        ModelError: PS-A86 missing or damaged, PS-A98 more than tensors, PS-A102 not the plan's.
    """
    prior_note(recipe.root)
    return read_autoencoder(recipe.root, recipe.plan)


def prior_note(root: Path) -> dict[str, Any]:
    """What an auto-encoder was made from and how well it reconstructs.

    Raises:
        ModelError: PS-A86 it or its note is missing or damaged.
    """
    if note := standing_note(root):
        return note
    raise ModelError("PS-A86", f"{PRIOR} is missing or not the file {NOTE.name} names: run pedseg_train again")


def standing_note(root: Path) -> dict[str, Any]:
    """The note of an auto-encoder, both of them whole; empty where there is none."""
    try:
        note = read_json(root / NOTE, "run pedseg_train again")
    except UsageError:
        return {}
    if not isinstance(note, dict) or note.pop("checksum", None) != digest_of(note):
        return {}
    path = root / PRIOR
    return note if path.is_file() and note.get("sha256") == file_digest(path) else {}


def _spec(recipe: Recipe) -> PriorSpec:
    return cast("PriorSpec", recipe.plan.shape_prior)  # no caller comes here without


def _built(recipe: Recipe) -> MultiDomainAutoencoder:
    domains = [part.domain for part in recipe.plan.domains]
    return build_autoencoder(_spec(recipe).autoencoder, domains, seed=recipe.plan.schedule.seed)


def _placed(network: MultiDomainAutoencoder, recipe: Recipe, device: torch.device) -> MultiDomainAutoencoder:
    layout = torch.channels_last if recipe.plan.schedule.channels_last else torch.contiguous_format
    return network.to(device).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
