"""Stand-ins for public files: random tensors of the names and shapes that lie listed beside this module.

The lists were taken from torchvision's models, under the names the files use. No file counts batches
(`num_batches_tracked`): they were trained before torch did.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

Encoder = TypeVar("Encoder", bound=nn.Module)
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


def loaded(encoder: Encoder, name: str) -> Encoder:
    """The encoder with the tensors of a public file, ready to be looked at."""
    encoder.load_state_dict(used(public_file(name, encoder.unused_keys)))  # type: ignore[arg-type]
    return encoder.eval().requires_grad_(False)


def check_features(encoder: nn.Module, strides: Sequence[int]) -> None:
    """Maps have the channels and strides an encoder says, and a grey slice counts as three equal channels."""
    x = torch.randn(1, 1, 64, 96)
    maps = encoder(x)
    channels: Sequence[int] = encoder.channels  # type: ignore[assignment]
    assert [tuple(m.shape) for m in maps] == [(1, c, 64 // s, 96 // s) for c, s in zip(channels, strides, strict=True)]
    for grey, repeated in zip(maps, encoder(x.repeat(1, 3, 1, 1)), strict=True):
        assert torch.equal(grey, repeated)


def check_maps(encoder: nn.Module, other: nn.Module, seen: list[Tensor]) -> None:
    """An encoder's maps are those that hooks on another network see, to 1e-5.

    Args:
        encoder: ours.
        other: theirs, with the same weights and hooks that fill `seen`.
        seen: what the hooks saw.
    """
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        other(x)
        for ours, theirs in zip(encoder(x), seen, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def _values(key: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    values = torch.randn(shape, generator=generator)
    if len(shape) == 4:
        return values * (2 / values[0].numel()) ** 0.5
    if key.endswith(("bias", "running_mean")):
        return values * 0.1
    return 1 + 0.2 * values.tanh()  # weights of norms and variances
