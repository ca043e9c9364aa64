"""Surface distances of three bones against MONAI's two metrics, in one process on one thread.

Run with `python -m benchmarks.surface` where pedseg is installed. MONAI gets one-hot masks made beforehand; the time
to take labels apart counts on our side.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from monai.metrics import HausdorffDistanceMetric, SurfaceDistanceMetric
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.demo import say
from pedseg.evaluation.surface import surface_distances
from pedseg.volumes import Geometry

SHAPE = (512, 512, 110)
SPACING_MM = (0.3125, 0.3125, 1.0)
ERROR_VOXELS = 1.2
"""Standard deviation of the prediction's bounds about the reference's, in-plane."""
WANTED = 5.0
BONES = (
    ((0.42, 0.50, 0.30), (0.26, 0.24, 0.24)),
    ((0.52, 0.48, 0.76), (0.24, 0.23, 0.18)),
    ((0.80, 0.50, 0.42), (0.08, 0.10, 0.14)),
)
"""Centre and half axes, as shares of the grid: two ends of long bones and a small round one."""
LABELS = range(1, len(BONES) + 1)
VALUES = ("assd_mm", "hd95_mm", "mssd_mm")

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """Seconds of both, best of several runs, and how far their values lie apart.

    Args:
        differences_mm: `VALUES` -> the largest over labels.
    """

    ours_s: float
    monai_s: float
    differences_mm: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.monai_s / self.ours_s


def main(arguments: list[str] | None = None) -> int:
    """Time both and print the ratio; exit code 1 where it is too small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE, help="voxels")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, in turn; the best counts")
    flags = parser.parse_args(arguments)
    outcome = compare(tuple(flags.shape), repeats=flags.repeats)
    say(f"{'x'.join(map(str, flags.shape))}, {len(BONES)} labels, one thread each, best of {flags.repeats}")
    say(f"pedseg {outcome.ours_s:.3f} s   MONAI {outcome.monai_s:.3f} s   {outcome.ratio:.1f} times faster")
    for name, apart in outcome.differences_mm.items():
        say(f"{name:10}largest difference {apart:.1e} mm")
    return int(outcome.ratio < WANTED)


def compare(shape: tuple[int, int, int] = SHAPE, *, repeats: int = 3) -> Outcome:
    """Score one pair with both, in turn."""
    prediction, reference = make_pair(shape)
    geometry = Geometry(shape, np.diag([*SPACING_MM, 1.0]))
    one_hot = one_hot_of(prediction), one_hot_of(reference)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        runs = [
            (timed(lambda: ours(prediction, reference, geometry)), timed(lambda: monai(*one_hot)))
            for _ in range(repeats)
        ]
        # once more for the largest distance, which is not timed: the two metrics give two of the three values
        largest = monai_metric(HausdorffDistanceMetric(include_background=True, reduction="none"), *one_hot)
    finally:
        torch.set_num_threads(threads)
    (_, a), (_, b) = runs[0]
    apart = np.abs(a - np.stack((*b, largest))).max(axis=1)
    return Outcome(
        ours_s=min(first[0] for first, _ in runs),
        monai_s=min(second[0] for _, second in runs),
        differences_mm={name: float(value) for name, value in zip(VALUES, apart, strict=True)},
    )


def make_pair(shape: tuple[int, int, int], *, seed: int = 0) -> tuple[Labels, Labels]:
    """Prediction and reference: smooth bones, the prediction's bounds moved by a voxel or two, and one far speck."""
    random = np.random.default_rng(seed)
    reference, prediction = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    axes = np.meshgrid(*(np.linspace(0, 1, n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    bumps, error = smooth_noise(random, shape, 0.02 * shape[0]), smooth_noise(random, shape, 3.0)
    for label, (centre, half) in enumerate(BONES, start=1):
        r = np.sqrt(sum(((x - c) / h) ** 2 for x, c, h in zip(axes, centre, half, strict=True)))
        depth = (1 - r) * half[0] * shape[0] + 3 * bumps  # voxels
        reference[depth > 0] = label
        prediction[depth + ERROR_VOXELS * error > 0] = label
    prediction[:2, :2, :1] = 1
    return prediction, reference


def smooth_noise(random: np.random.Generator, shape: tuple[int, int, int], sigma: float) -> NDArray[np.float32]:
    """Gaussian noise, smooth over so many voxels, of standard deviation 1."""
    noise = gaussian_filter(random.standard_normal(shape, dtype=np.float32), sigma)
    return noise / noise.std()


def one_hot_of(labels: Labels) -> torch.Tensor:
    """(1, labels, I, J, K) float32, as MONAI's metrics compute on it."""
    return torch.from_numpy(np.stack([labels == k for k in LABELS])[None]).float()


def ours(prediction: Labels, reference: Labels, geometry: Geometry) -> NDArray[np.float64]:
    """(3, labels): `VALUES`."""
    parts = [surface_distances(prediction == k, reference == k, geometry) for k in LABELS]
    return np.array([[getattr(part, name) for part in parts] for name in VALUES])


def monai(prediction: torch.Tensor, reference: torch.Tensor) -> NDArray[np.float64]:
    """(2, labels): the first two of `VALUES`, a metric each."""
    mean = SurfaceDistanceMetric(include_background=True, symmetric=True, reduction="none")
    percentile = HausdorffDistanceMetric(include_background=True, percentile=95, reduction="none")
    return np.stack([monai_metric(metric, prediction, reference) for metric in (mean, percentile)])


def monai_metric(
    metric: SurfaceDistanceMetric | HausdorffDistanceMetric, prediction: torch.Tensor, reference: torch.Tensor
) -> NDArray[np.float64]:
    """(labels,) of one exam."""
    return metric(prediction, reference, spacing=SPACING_MM)[0].double().numpy()


def timed(work: Callable[[], NDArray[np.float64]]) -> tuple[float, NDArray[np.float64]]:
    """Seconds and result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    sys.exit(main())
