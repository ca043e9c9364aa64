"""What the encoder of a network starts training from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pedseg.errors import UsageError
from pedseg.plan.network import NetworkSpec
from pedseg.plan.values import Frozen
from pedseg.workspace import file_digest

IMAGENET = "imagenet"
NONE = "none"


class EncoderWeights(Frozen):
    """Weights that an encoder starts training from; a trained network has its own.

    Args:
        source: `imagenet` (the public file), `none` (drawn from the seed), or the path of a file.
        sha256: of that file, so that another one under its name is refused.
    """

    source: Annotated[str, Field(min_length=1)] = NONE
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""

    @property
    def is_file(self) -> bool:
        """Whether a file of the user's is named."""
        return self.source not in (IMAGENET, NONE)

    @model_validator(mode="after")
    def _file_and_digest_go_together(self) -> EncoderWeights:
        if self.is_file != bool(self.sha256):
            raise ValueError(f"sha256 belongs to a file: name one with it, or {IMAGENET} or {NONE} without")
        return self


def encoder_weights(network: NetworkSpec, wanted: str) -> EncoderWeights:
    """What a person asked for, as a plan records it; nothing is fetched.

    Args:
        network: the planned one.
        wanted: `imagenet`, `none` or a file, whose sha256 goes along.

    Raises:
        UsageError: PS-A120 the network's encoder has no public weights, PS-A03 no such file.
    """
    if wanted == NONE:
        return EncoderWeights()
    if not network.has_imagenet_encoder:
        raise UsageError("PS-A120", f"{network.name} has no ImageNet encoder: give --encoder-weights {NONE}")
    if wanted == IMAGENET:
        return EncoderWeights(source=IMAGENET)
    path = Path(wanted).absolute()
    if not path.is_file():
        raise UsageError("PS-A03", f"--encoder-weights {wanted} is no file: give one, {IMAGENET} or {NONE}")
    return EncoderWeights(source=str(path), sha256=file_digest(path))
