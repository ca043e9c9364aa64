"""What a fold folder says: plan, fold, and where the slices are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import nn

from pedseg.bundle.generations import Generations
from pedseg.data.batches import EqualBatches, OrderedBatches
from pedseg.data.dataset import SliceDataset
from pedseg.domains import Domain
from pedseg.errors import InputError
from pedseg.networks import IndividualNetworks, build_network, carry_over, start_heads
from pedseg.networks.state_dicts import read_tensors
from pedseg.networks.weights import planned_source
from pedseg.plan import Fold, Plan, cache_digest, load_plan
from pedseg.plan.encoder import NONE
from pedseg.plan.files import parse, read_json
from pedseg.storage.cache import CacheEntry, read_entry, read_manifest
from pedseg.storage.runs import SOURCE
from pedseg.workspace import digest_of

log = logging.getLogger("pedseg.train")
VALIDATION_SLICES = 8
"""Slices of a validation batch; few, so that activations stay in the heap that training keeps."""


@dataclass(frozen=True)
class Recipe:
    """A fold to train.

    Args:
        root: the fold folder.
        plan: all decisions.
        name: of the fold, such as "0" or "all".
        fold: exams that train, validate and test.
        cache: folder with one folder of cache entries a domain.
    """

    root: Path
    plan: Plan
    name: str
    fold: Fold
    cache: Path

    @property
    def exams_digest(self) -> str:
        """sha256 of which exams train, validate and test."""
        return digest_of(self.fold.model_dump(mode="json"))

    @property
    def slice_digests(self) -> dict[str, str]:
        """Exam -> sha256 of the slices and labels that it trains or validates with.

        Raises:
            InputError: PS-A85 an entry is missing or damaged.
        """
        parts = (self.fold.train, self.fold.validation)
        names = sorted({(domain, case) for part in parts for domain, cases in part.items() for case in cases})
        files = {name: read_manifest(self.cache / name[0], name[1]).files for name in names}
        return {"/".join(n): digest_of({kind: f.sha256 for kind, f in kinds.items()}) for n, kinds in files.items()}

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(path.is_file() for path in Generations(self.root).paths)


def load_recipe(bundle_root: str | Path, dataset_dir: str | Path | None = None) -> Recipe:
    """Read `configs/plan.json` and `configs/fold.json` of a fold folder.

    Args:
        bundle_root: the fold folder.
        dataset_dir: the slice cache; None is the one of the workspace the run lies in.
    """
    root = Path(bundle_root).resolve()
    plan = load_plan(root / "configs" / "plan.json")
    values = read_json(root / "configs" / "fold.json", "run pedseg_train again")
    fold = parse(Fold, {k: v for k, v in values.items() if k in Fold.model_fields}, "fold.json")
    cache = Path(dataset_dir) if dataset_dir else root.parents[3] / "cache" / plan.name
    return Recipe(root, plan, str(values["name"]), fold, cache)


def fold_entries(recipe: Recipe, part: Literal["train", "validation"]) -> list[list[CacheEntry]]:
    """Cache entries of a part of the fold, in the plan's domain order.

    Raises:
        InputError: PS-A85 an entry is missing, damaged or of another plan.
    """
    return [
        [_entry(recipe, domain, case) for case in getattr(recipe.fold, part).get(domain, ())]
        for domain in recipe.plan.domain_names
    ]


def predicted_domains(recipe: Recipe) -> list[Domain]:
    """The domains with the structures that predictions name, in the plan's order."""
    return [recipe.plan.predicted(name).domain for name in recipe.plan.domain_names]


def training_network(recipe: Recipe, dataset: SliceDataset, device: torch.device, *, resume: bool = False) -> nn.Module:
    """The network of all domains with fresh weights: drawn from the plan's seed, the encoder's as the plan says.

    Of the scheme `transfer` they begin as those of `models/source.pt`.

    Args:
        recipe: the fold to train.
        dataset: its training slices; heads start at their label frequencies where the plan says so.
        device: where it will train.
        resume: a checkpoint that is there will fill it: encoder weights are not asked for again.

    Raises:
        ModelError: see `load_encoder_weights` and `planned_source`.
    """
    domains = tuple(part.domain for part in recipe.plan.domains)
    source = NONE if resume and recipe.begun else planned_source(recipe.plan.encoder_weights)
    if source != NONE:
        log.info("the encoder starts from %s", source)
    seed = recipe.plan.schedule.seed
    network = build_network(recipe.plan.network, domains, seed=seed, encoder_weights=source).to(device)
    if recipe.plan.schedule.head_bias == "frequency":
        start_heads(network, [dataset.label_frequencies(i, d.n_classes) for i, d in enumerate(domains)])
    if recipe.plan.network.source:
        carry_over(cast("IndividualNetworks", network), read_tensors(recipe.root / SOURCE), recipe.plan.network.source)
    layout = torch.channels_last if recipe.plan.schedule.channels_last else torch.contiguous_format
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def training_batches(recipe: Recipe, dataset: SliceDataset) -> EqualBatches:
    """Batches with an equal share of each domain."""
    together = not recipe.plan.network.apart
    return EqualBatches(dataset, recipe.plan.share, seed=recipe.plan.schedule.seed, reuse=together)


def validation_batches(dataset: SliceDataset) -> OrderedBatches:
    """Every validation slice once."""
    return OrderedBatches(dataset, VALIDATION_SLICES)


def _entry(recipe: Recipe, domain: str, case: str) -> CacheEntry:
    entry = read_entry(recipe.cache / domain, case, verify=True)
    wanted = cache_digest(recipe.plan.domain_plan(domain))
    if entry.plan_digest != wanted:
        raise InputError(
            "PS-A85",
            f"{domain}/{case} was cached for plan {entry.plan_digest[:8]}, this one is {wanted[:8]}: "
            "run pedseg_preprocess again",
        )
    return entry
