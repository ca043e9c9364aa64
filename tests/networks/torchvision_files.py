"""Stand-ins for public files: random tensors of the names and shapes that lie listed beside this module.

The lists were taken from torchvision's models, under the names the files use. No file counts batches
(`num_batches_tracked`): they were trained before torch did.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

FOLDER = Path(__file__).parent


def public_file(name: str, unused: Sequence[str]) -> dict[str, Tensor]:
    """A state dict as in `name`.pth, its values of a size that keeps signals alive.

    Args:
        name: of the file, without its ending.
        unused: how the keys begin whose values nobody reads; they have shapes only.
    """
    generator = torch.Generator().manual_seed(0)
    lines = (line.split() for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines())
    shapes = {key: tuple(map(int, shape.split("x"))) for key, shape in lines}
    return {
        key: torch.empty(shape, device="meta") if key.startswith(tuple(unused)) else _values(key, shape, generator)
        for key, shape in shapes.items()
    }


def used(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that have values."""
    return {key: value for key, value in state.items() if not value.is_meta}


def _values(key: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    values = torch.randn(shape, generator=generator)
    if len(shape) == 4:
        return values * (2 / values[0].numel()) ** 0.5
    if key.endswith(("bias", "running_mean")):
        return values * 0.1
    return 1 + 0.2 * values.tanh()  # weights of norms and variances
