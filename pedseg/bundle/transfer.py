"""From the fold of individual networks to those that start from one of them: scheme `transfer`."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from pedseg.bundle.generations import Generations
from pedseg.errors import ModelError
from pedseg.inference.checkpoint import load_model, load_network
from pedseg.storage.runs import SOURCE
from pedseg.workspace import write_bytes


def place_source(folder: Path, pretrained: Path, source: str, *, resume: bool = True) -> None:
    """Lay the weights that networks start from into a fold, which then stands alone.

    Args:
        folder: the fold to train.
        pretrained: the finished fold of individual networks.
        source: name of the domain whose network is taken.
        resume: False replaces other weights that checkpoints of the fold began with.

    Raises:
        ModelError: PS-A87 checkpoints of the fold began with other weights; the pretrained fold is not whole.
    """
    network = load_network(pretrained, load_model(pretrained).plan, source)
    weights = {key.removeprefix("network."): value for key, value in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    path = folder / SOURCE
    begun = any(path.is_file() for path in Generations(folder).paths)
    if resume and begun and (not path.is_file() or path.read_bytes() != buffer.getvalue()):
        text = f"{folder.name} began with other weights of {source} than {pretrained.parent.name} has now"
        raise ModelError("PS-A87", f"{text}: name another run with --run, or start over with --no-resume")
    write_bytes(path, buffer.getbuffer())
