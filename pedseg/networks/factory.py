"""Specification -> network, in one visible place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from pedseg.domains import Domain
from pedseg.networks.domains import IndividualNetworks, MultiDomain, make_multidomain
from pedseg.networks.efficientnet import efficient_unet
from pedseg.networks.inception import inception_unet
from pedseg.networks.unet import UNet, att_unet, unet
from pedseg.networks.weights import NONE, load_encoder_weights
from pedseg.plan import NetworkSpec

NETWORKS: dict[str, Callable[[NetworkSpec, int], UNet]] = {
    "unet": unet,
    "att_unet": att_unet,
    "efficient_unet": efficient_unet,
    "inception_unet": inception_unet,
}
"""Name -> builder of the ordinary network for a number of classes; the names `NetworkSpec` accepts."""


def build_network(
    spec: NetworkSpec, domains: Sequence[Domain], *, seed: int = 0, encoder_weights: Path | str = NONE
) -> MultiDomain:
    """The trainable network of a plan.

    Args:
        spec: which network and learning scheme.
        domains: in the order of heads and batches.
        seed: of the initial weights; the same seed gives the same weights and leaves torch's own state alone.
        encoder_weights: `imagenet`, `none` or a file (see `load_encoder_weights`).
    """

    def build(n_classes: int) -> UNet:
        network = NETWORKS[spec.name](spec, n_classes)
        load_encoder_weights(network.encoder, spec.name, encoder_weights)
        return network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.scheme == "individual":
            return IndividualNetworks((build(d.n_classes) for d in domains), [d.name for d in domains])
        return make_multidomain(build(domains[0].n_classes), domains)
