"""How much memory training and prediction will want: estimates from the sizes of what they keep."""

from __future__ import annotations

from pedseg.plan import NetworkSpec

GIB = float(1 << 30)
LIBRARIES = 0.6
"""GiB that Python, torch and MONAI take before any work."""
PREDICTION_BATCH = 16


def pixel_channels(network: NetworkSpec, window: int) -> int:
    """Sum over levels of channels times pixels: one feature map a level, for one slice."""
    return sum(c * (window >> level) ** 2 for level, c in enumerate(network.channels))


def parameters(network: NetworkSpec) -> int:
    """Weights of one network, convolutions only (they are 97 % and more)."""
    inputs = (1, *network.channels[:-1])
    encoder = sum(9 * c * (i + c) for i, c in zip(inputs, network.channels, strict=True))
    taps = 9 if network.decoder == "upsample" else 4
    pairs = zip(network.channels[:-1], network.channels[1:], strict=True)
    return encoder + sum(taps * deep * c + 9 * c * (2 * c + c) for c, deep in pairs)


def training_gib(network: NetworkSpec, window: int, batch: int, precision: str) -> float:
    """Memory at the peak of a training step, in GiB.

    Kept for the backward pass, a slice and level: 2 maps (convolution, activation) of 2 convolutions on
    the way down; on the way up 2 of the upsampling, 2 of the concatenation, 4 of 2 convolutions; 4 of the gate.
    Weights count four times (value, gradient, two moments of Adam). Measured on a processor, in float32:
    1.1 GiB for 18 slices of 128 with half the channels (here 1.2), 2.3 for 6 slices of 256 (here 2.2).
    """
    maps = 16 if network.name == "att_unet" else 12
    width = 2 if precision == "bfloat16" else 4
    kept = maps * width * pixel_channels(network, window) * batch
    return LIBRARIES + (kept + 16 * parameters(network)) / GIB


def prediction_gib(network: NetworkSpec, window: int, classes: int, slices: int, voxels: int) -> float:
    """Memory at the peak of a prediction, in GiB.

    A batch of `PREDICTION_BATCH` slices keeps 6 maps of the finest level; the stack keeps every
    class's probability (2 bytes); the exam its grey values (4), a copy and its labels (1 each way).

    Args:
        network: one of them at a time.
        window: pixels of a slice along each side.
        classes: labels and background of the domain.
        slices: of the largest exam.
        voxels: of the largest exam.
    """
    maps = 6 * 4 * network.channels[0] * window**2 * PREDICTION_BATCH
    stack = 2 * classes * slices * window**2
    return LIBRARIES + (maps + stack + 10 * voxels + 4 * parameters(network)) / GIB
