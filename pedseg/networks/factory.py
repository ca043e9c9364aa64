"""Specification -> network, in one visible place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from pedseg.domains import Domain
from pedseg.names import Strategy
from pedseg.networks.autoencoder import (
    Autoencoder,
    IndividualAutoencoders,
    MultiDomainAutoencoder,
    SharedAutoencoder,
    autoencoder,
    make_multidomain_autoencoder,
)
from pedseg.networks.bones import BoneAutoencoder, BoneDiscriminator, BoneNetworks
from pedseg.networks.densenet import dense_unet
from pedseg.networks.discriminators import DomainDiscriminators, mask_discriminator, shape_code_discriminator
from pedseg.networks.domains import IndividualNetworks, MultiDomain, make_multidomain
from pedseg.networks.efficientnet import efficient_unet
from pedseg.networks.inception import inception_unet
from pedseg.networks.joint import JointNetwork
from pedseg.networks.resnet import res_unet
from pedseg.networks.unet import UNet, att_unet, unet
from pedseg.networks.vgg import vgg_unet
from pedseg.networks.weights import load_encoder_weights
from pedseg.plan import AutoencoderSpec, NetworkSpec, output_coding
from pedseg.plan.encoder import NONE

NETWORKS: dict[str, Callable[[NetworkSpec, int], UNet]] = {
    "unet": unet,
    "att_unet": att_unet,
    "efficient_unet": efficient_unet,
    "inception_unet": inception_unet,
    "dense_unet": dense_unet,
    "res_unet": res_unet,
    "vgg_unet": vgg_unet,
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

    names, coding = [d.name for d in domains], output_coding(spec, domains)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.strategy != "multi":
            return BoneNetworks(([build(1) for _ in range(width)] for width in coding.widths), names)
        if spec.apart:
            return IndividualNetworks((build(width) for width in coding.widths), names)
        if spec.scheme == "shared":
            return JointNetwork(build(coding.widths[0]), names, coding)
        return make_multidomain(build(coding.widths[0]), domains)


def build_autoencoder(spec: AutoencoderSpec, domains: Sequence[Domain], *, seed: int = 0) -> MultiDomainAutoencoder:
    """The trainable auto-encoder of masks.

    Args:
        spec: which kind and scheme; `shared` takes masks of the structures of all domains and background.
        domains: in the order of masks and batches.
        seed: as for `build_network`.
    """
    names = [d.name for d in domains]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.scheme == "individual":
            return IndividualAutoencoders((_individual_autoencoder(spec, d) for d in domains), names)
        if spec.scheme == "shared":
            return SharedAutoencoder(autoencoder(spec, 1 + sum(len(d.structures) for d in domains)), names)
        return make_multidomain_autoencoder(autoencoder(spec, domains[0].n_classes), domains)


def build_mask_discriminators(
    domains: Sequence[Domain], *, strategy: Strategy = "multi", seed: int = 0
) -> DomainDiscriminators:
    """What objective `adv` trains the network against: a judge of masks with their images a domain, or a bone (D)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if strategy == "individual":
            judges = ([mask_discriminator(1) for _ in d.structures] for d in domains)
            return DomainDiscriminators(BoneDiscriminator(own) for own in judges)
        return DomainDiscriminators(mask_discriminator(1 if strategy == "global" else d.n_classes) for d in domains)


def build_shape_code_discriminators(
    spec: AutoencoderSpec, domains: Sequence[Domain], *, window: int, seed: int = 0
) -> DomainDiscriminators:
    """What objective `spar` trains the network against: a judge of shape codes a domain (C).

    Args:
        spec: of the auto-encoder whose codes are judged.
        domains: in the order of masks and batches.
        window: pixels of a slice along each side.
        seed: as for `build_network`.
    """
    side = window // 2 ** (len(spec.channels) - 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DomainDiscriminators(shape_code_discriminator(spec.channels[-1], side) for _ in domains)


def _individual_autoencoder(spec: AutoencoderSpec, domain: Domain) -> Autoencoder | BoneAutoencoder:
    """Of the masks of one domain: of all labels, of each bone, or of all bones in one."""
    if spec.strategy == "individual":
        return BoneAutoencoder([autoencoder(spec, 1) for _ in domain.structures])
    return autoencoder(spec, 1 if spec.strategy == "global" else domain.n_classes)
