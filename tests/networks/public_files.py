"""Names and shapes of the tensors in the public files of ImageNet weights, and random weights under those names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

LISTING = Path(__file__).with_name("public_files.txt")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
Shapes = dict[str, tuple[int, ...]]


@cache
def public_shapes(file: str) -> Shapes:
    """What `public_files.txt` lists of a file: one tensor a line, five where it says `norm`."""
    (section,) = (s for s in LISTING.read_text("utf-8").split("# ")[1:] if s.startswith(file))
    found: Shapes = {}
    for line in section.splitlines()[1:]:
        name, *shape = line.split()
        if shape[0] == "norm":
            found |= {f"{name}.{part}": () if part == NORM[-1] else (int(shape[1]),) for part in NORM}
        else:
            found[name] = tuple(map(int, shape))
    return found


def listed(file: str, shapes: Shapes) -> str:
    """A section of the listing."""
    lines = [f"# {file}"]
    for name, shape in shapes.items():
        layer, _, part = name.rpartition(".")
        if f"{layer}.running_var" not in shapes:
            lines.append(f"{name} {' '.join(map(str, shape))}")
        elif part == "weight":
            lines.append(f"{layer} norm {shape[0]}")
    return "\n".join(lines) + "\n"


def random_state(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Weights that keep the size of a signal about as it is; norms, of one domain or several, far from the identity."""
    generator = torch.Generator().manual_seed(seed)

    def draw(name: str, shape: tuple[int, ...]) -> Tensor:
        layer, _, part = name.rpartition(".")
        if part == "num_batches_tracked":
            return torch.full(shape, 7)
        values = torch.randn(shape, generator=generator)
        if f"{layer}.running_var" not in shapes:
            return values * (2 / values[0].numel()) ** 0.5 if len(shape) > 1 else 0.1 * values
        return 0.5 + torch.rand(shape, generator=generator) if part in ("weight", "running_var") else 0.1 * values

    return {name: draw(name, shape) for name, shape in shapes.items()}


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Give a network such weights and make it ready to predict."""
    network.load_state_dict(random_state({k: tuple(v.shape) for k, v in network.state_dict().items()}, seed))
    network.eval().requires_grad_(False)
