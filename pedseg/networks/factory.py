"""Specification -> network, in one visible place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from pedseg.domains import Domain
from pedseg.networks.densenet import dense_unet
from pedseg.networks.domains import IndividualNetworks, MultiDomain, make_multidomain
from pedseg.networks.resnet import res_unet
from pedseg.networks.unet import att_unet, unet
from pedseg.networks.vgg import vgg_unet
from pedseg.plan import NetworkSpec

NETWORKS: dict[str, Callable[[NetworkSpec, int], nn.Module]] = {
    "unet": unet,
    "att_unet": att_unet,
    "dense_unet": dense_unet,
    "res_unet": res_unet,
    "vgg_unet": vgg_unet,
}
"""Name -> builder of the ordinary network for a number of classes; the names `NetworkSpec` accepts."""


def build_network(spec: NetworkSpec, domains: Sequence[Domain], *, seed: int = 0) -> MultiDomain:
    """The trainable network of a plan.

    Args:
        spec: which network and learning scheme.
        domains: in the order of heads and batches.
        seed: of the initial weights; the same seed gives the same weights and leaves torch's own state alone.
    """
    build = NETWORKS[spec.name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.scheme == "individual":
            return IndividualNetworks((build(spec, d.n_classes) for d in domains), [d.name for d in domains])
        return make_multidomain(build(spec, domains[0].n_classes), domains)
