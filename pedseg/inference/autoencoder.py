"""Read the auto-encoder of a trained fold, checked as its network is."""

from __future__ import annotations

from pathlib import Path

import torch

from pedseg.errors import ModelError
from pedseg.networks import MultiDomainAutoencoder, build_autoencoder
from pedseg.networks.state_dicts import mismatch, read_tensors, told
from pedseg.plan import Plan
from pedseg.storage.runs import check_file

PRIOR = Path("models/prior.pt")


def load_autoencoder(fold: Path, plan: Plan) -> MultiDomainAutoencoder | None:
    """The auto-encoder of masks a fold was trained with, in eval mode on the CPU.

    Args:
        fold: a finished fold.
        plan: the decisions it was trained by.

    Returns:
        None where the plan's objective has no auto-encoder.

    Raises:
        ModelError: PS-A123 the fold is not finished, PS-A86 missing or damaged, PS-A98 more than tensors, PS-A102 not
            the plan's.
    """
    if plan.shape_prior is None:
        return None
    check_file(fold, PRIOR)
    return read_autoencoder(fold, plan)


def read_autoencoder(fold: Path, plan: Plan) -> MultiDomainAutoencoder:
    """The same of a fold in training, which no `run.json` vouches for yet.

    Raises:
        ValueError: the plan's objective has no auto-encoder.
        ModelError: PS-A98 more than tensors, PS-A102 not the plan's, PS-A86 damaged.
    """
    if plan.shape_prior is None:
        raise ValueError(f"objective {plan.objective.name} has no auto-encoder")
    domains = [part.domain for part in plan.domains]
    network = build_autoencoder(plan.shape_prior.autoencoder, domains, seed=plan.schedule.seed)
    weights = read_tensors(fold / PRIOR)
    if faults := mismatch(weights, network.state_dict()):
        text = f"weights of this plan's auto-encoder are needed, got {told(faults)}: train the fold again"
        raise ModelError("PS-A102", text)
    network.load_state_dict(weights)
    if not all(bool(torch.isfinite(p).all()) for p in network.state_dict().values()):
        raise ModelError("PS-A86", f"{fold.name}/{PRIOR} holds values that are not finite: train the fold again")
    return network.eval()
