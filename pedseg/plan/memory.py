"""How much memory training and prediction will want: estimates from what networks were counted to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pedseg.plan import NetworkSpec, Plan, PriorSpec
from pedseg.plan.network import CHANNELS, CONV_CHANNELS, FROM_SCRATCH

GIB = float(1 << 30)
LIBRARIES = 0.68
"""GiB that Python, torch and MONAI take before any work."""
PREDICTION_LIBRARIES = 0.31
"""GiB that Python and torch take without MONAI."""
PREDICTION_BATCH = 8
COPIES = 3
"""Of the weights while a prediction begins: the file's, those of all domains, the selected domain's."""


@dataclass(frozen=True)
class Counted:
    """What a network of the papers' channels holds; the tests count it on the real one.

    Args:
        fixed: parameters that the channels of a plan do not change, in millions.
        scaled: the others, which grow with the square of the channels.
        fixed_maps: numbers at the peak of a training step, a pixel of the slice, that channels do not change.
        scaled_maps: the others, which grow with the channels.
        passing: numbers alive at once in prediction, a pixel of the slice.
    """

    fixed: float
    scaled: float
    fixed_maps: float
    scaled_maps: float
    passing: float


COUNTED = {
    ("unet", "transposed"): Counted(0, 7.76, 6, 716, 283),
    ("unet", "upsample"): Counted(0, 8.63, 2, 844, 283),
    ("att_unet", "transposed"): Counted(0, 7.85, 7, 928, 315),
    ("att_unet", "upsample"): Counted(0, 8.72, 6, 992, 315),
    ("inception_unet", "upsample"): Counted(34.93, 13.12, 1339, 708, 345),
    ("dense_unet", "upsample"): Counted(13.49, 9.87, 1171, 472, 216),
    ("dense_unet", "transposed"): Counted(11.26, 7.24, 1056, 540, 225),
    ("efficient_unet", "upsample"): Counted(10.59, 4.00, 888, 1582, 222),
    ("res_unet", "transposed"): Counted(9.37, 4.20, 447, 1040, 253),
    ("vgg_unet", "transposed"): Counted(21.42, 12.88, 511, 968, 563),
}


@dataclass(frozen=True)
class CountedPrior:
    """What an auto-encoder of the papers' channels holds; the tests count it on the real one.

    Args:
        scaled: parameters, in millions, which grow with the square of the channels.
        maps: numbers at the peak of its own training step, a pixel of the slice.
        frozen: numbers that its encoder adds to the network's step.
    """

    scaled: float
    maps: float
    frozen: float


PRIORS = {"double": CountedPrior(7.85, 750, 304), "single": CountedPrior(3.14, 394, 180)}
"""By kind. A discriminator's maps, some 100 numbers a pixel beside a network's 1000, are not counted."""


def parameters(network: NetworkSpec) -> float:
    """Weights of one network for one domain, about."""
    counted = _counted(network)
    return 1e6 * (counted.fixed + counted.scaled * _ratio(network, _squares))


def training_gib(network: NetworkSpec, window: int, slices: int, precision: str, *, networks: int = 1) -> float:
    """Memory at the peak of a training step, in GiB.

    Maps are kept for the backward pass; weights count four times (value, gradient, two moments of Adam).

    Args:
        network: which.
        window: pixels of a slice along each side.
        slices: in a batch, of all domains together; as often as networks look at each.
        precision: of the maps, a `pedseg.names.Precision`.
        networks: trained at a time: one, one a domain or one a bone.
    """
    counted = _counted(network)
    maps = counted.fixed_maps + counted.scaled_maps * _ratio(network, _pixels)
    width = _width(precision)
    return LIBRARIES + (width * maps * window**2 * slices + 16 * networks * parameters(network)) / GIB


def prior_gib(prior: PriorSpec, window: int, masks: Sequence[int], precision: str) -> tuple[float, float]:
    """What an auto-encoder takes: at the peak of its own training before the network's, and frozen, in GiB.

    Args:
        prior: its spec and batch.
        window: pixels of a slice along each side.
        masks: of each domain's slices: one with all bones, or one a bone with an auto-encoder each.
        precision: of the maps of its training; frozen it computes in float32.

    Returns:
        Training it, libraries counted; and what a slice of every domain adds to the network's step.
    """
    counted, channels = PRIORS[prior.autoencoder.kind], prior.autoencoder.channels
    wider = _pixels(channels) / _pixels(CONV_CHANNELS)
    weights = 1e6 * counted.scaled * _squares(channels) / _squares(CONV_CHANNELS)
    networks = sum(masks) if prior.autoencoder.scheme == "individual" else 1
    maps = _width(precision) * counted.maps * wider * prior.share(len(masks)) * sum(masks)
    frozen = 4 * counted.frozen * wider * window**2 * sum(masks)
    return LIBRARIES + (maps * window**2 + 16 * networks * weights) / GIB, frozen / GIB


def plan_training_gib(plan: Plan) -> float:
    """What training one fold of a plan takes at its peak, in GiB."""
    window, precision = plan.domains[0].window, plan.schedule.precision
    each = [len(d.domain.structures) if plan.network.strategy == "individual" else 1 for d in plan.domains]
    slices = plan.share * sum(each)
    need = training_gib(plan.network, window, slices, precision, networks=networks_at_once(plan))
    if plan.shape_prior is None:
        return need
    before, frozen = prior_gib(plan.shape_prior, window, each, precision)
    return max(before, need + plan.share * frozen)


def networks_at_once(plan: Plan) -> int:
    """That one fold of a plan trains: one, one a domain or one a bone."""
    if plan.network.strategy == "individual":
        return sum(len(d.domain.structures) for d in plan.domains)
    return len(plan.domains) if plan.network.apart else 1


def plan_prediction_gib(plan: Plan, slices: int, voxels: int, *, folds: int = 1) -> float:
    """What predicting an exam takes at its peak, in GiB, whichever of the plan's domains it is of.

    Args:
        plan: of the model.
        slices: of the exam.
        voxels: of the exam.
        folds: whose networks are held together.
    """
    more = 4 * (folds - 1) * parameters(plan.network) / GIB
    parts = [plan.predicted(name) for name in plan.domain_names]
    needs = (prediction_gib(plan.network, p.window, p.domain.n_classes, slices, voxels) for p in parts)
    return more + max(needs)


def prediction_gib(network: NetworkSpec, window: int, classes: int, slices: int, voxels: int) -> float:
    """Memory at the peak of a prediction, in GiB.

    A batch of `PREDICTION_BATCH` slices passes the network; the stack keeps every class's probability (2 bytes); the
    exam its grey values as stored and normalised, a copy while they are cut, its labels and where they are: 16 a voxel.

    Args:
        network: one of them at a time.
        window: pixels of a slice along each side.
        classes: labels and background of the domain.
        slices: of the largest exam.
        voxels: of the largest exam.
    """
    passing = _counted(network).passing * (_ratio(network, _pixels) if network.name in FROM_SCRATCH else 1)
    batch = 4 * passing * window**2 * PREDICTION_BATCH
    stack = 2 * classes * slices * window**2
    return PREDICTION_LIBRARIES + (batch + stack + 16 * voxels + 4 * COPIES * parameters(network)) / GIB


def _width(precision: str) -> int:
    """Bytes of a number in a map: of half precision 2, of its norms and losses 4, in all about 3 as measured."""
    return 4 if precision == "float32" else 3


def _counted(network: NetworkSpec) -> Counted:
    return COUNTED[network.name, network.decoder]


def _ratio(network: NetworkSpec, measure: Callable[[tuple[int, ...]], float]) -> float:
    """How much larger a network is than the papers', by a measure of channels, finest first."""
    usual = CHANNELS.get((network.name, network.decoder), CONV_CHANNELS)
    step = 1 if network.name in FROM_SCRATCH else -1  # decoders name the coarsest first
    return measure(network.channels[::step]) / measure(usual[::step])


def _squares(channels: tuple[int, ...]) -> float:
    return sum(c * c for c in channels)


def _pixels(channels: tuple[int, ...]) -> float:
    """Sum of channels times pixels: each map has a quarter of the pixels of the one before."""
    return sum(c / 4.0**level for level, c in enumerate(channels))
