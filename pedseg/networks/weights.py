"""ImageNet weights: the public files, and the only way from one into an encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pedseg.errors import ModelError, UsageError
from pedseg.networks.state_dicts import mismatch, read_tensors, told
from pedseg.plan.encoder import IMAGENET, NONE, EncoderWeights
from pedseg.workspace import file_digest

COUNTER = "num_batches_tracked"
OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""`norm.1` in a file from before torch forbade dots in names; `norm1` now."""


@dataclass(frozen=True)
class PublicFile:
    """Weights somebody published.

    Args:
        url: its last part is the file's name, which ends in the first digits of the file's sha256.
        left: what the names of tensors start with that the encoder has no place for.
    """

    url: str
    left: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the file."""
        return self.url.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """First digits of its sha256."""
        return self.name.rpartition("-")[2].partition(".")[0]

    @property
    def cached(self) -> Path:
        """Where torch.hub keeps it."""
        return Path(torch.hub.get_dir(), "checkpoints", self.name)


HUB = "$TORCH_HOME/hub/checkpoints (~/.cache/torch where that is not set)"
"""Where `PublicFile.cached` lies, in words: a message does not name the user's own folders."""
PUBLIC_FILES = {
    "efficient_unet": PublicFile(
        "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/efficientnet-b3-5fb5a3c3.pth",
        left=("_conv_head.", "_bn1.", "_fc."),
    ),
    "inception_unet": PublicFile(
        "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth", left=("AuxLogits.", "fc.")
    ),
    "dense_unet": PublicFile("https://download.pytorch.org/models/densenet121-a639ec97.pth", left=("classifier.",)),
    "res_unet": PublicFile("https://download.pytorch.org/models/resnet50-0676ba61.pth", left=("layer4.", "fc.")),
    "vgg_unet": PublicFile("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", left=("classifier.",)),
}
"""By the name of the network around the encoder; the other networks have no public weights."""


def planned_source(weights: EncoderWeights) -> str:
    """What `load_encoder_weights` takes for a plan's wish; a file is the one that was planned with.

    Raises:
        UsageError: PS-A03 the file is gone.
        ModelError: PS-A87 another file stands under its name.
    """
    if not weights.is_file:
        return weights.source
    path = _existing(Path(weights.source))
    if (found := file_digest(path)) != weights.sha256:
        text = f"{path} is not the file of the plan (sha256 {found[:8]}, planned {weights.sha256[:8]})"
        raise ModelError("PS-A87", f"{text}: bring that one back, or plan with the new one")
    return weights.source


def load_encoder_weights(encoder: nn.Module, network: str, source: Path | str) -> None:
    """Fill an encoder; every tensor of the file finds its place or is known to have none, and no place stays empty.

    Args:
        encoder: changed in place, or not at all.
        network: name of the network around it.
        source: `imagenet` (torch.hub's cache, else a download, its digest checked), `none` (weights stay random), or
            a file of the same names.

    Raises:
        UsageError: PS-A120 the network has no ImageNet encoder, PS-A03 there is no such file.
        ModelError: PS-A130 the download failed, PS-A102 names or shapes are not the encoder's, PS-A86 and PS-A98 as
            `read_tensors`.
    """
    if source == NONE:
        return
    if network not in PUBLIC_FILES:
        raise UsageError("PS-A120", f"{network} has no ImageNet encoder: choose encoder weights none")
    public = PUBLIC_FILES[network]
    name = public.name if source == IMAGENET else Path(source).name
    tensors = _public(public) if source == IMAGENET else _of_file(Path(source))
    encoder.load_state_dict(_fitting(tensors, encoder.state_dict(), public, name))


def _public(public: PublicFile) -> Any:
    if public.cached.is_file():
        if not file_digest(public.cached).startswith(public.digest):
            text = f"{public.name} in {HUB} is not the public file"
            raise ModelError("PS-A86", f"{text} (its sha256 must start with {public.digest}): delete it")
        return read_tensors(public.cached)
    try:
        return torch.hub.load_state_dict_from_url(
            public.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, HTTPException, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        advice = f"copy {public.name} to {HUB}, or give --encoder-weights {NONE} or a file"
        text = f"{public.url} cannot be fetched ({reason}): {advice}"
        raise ModelError("PS-A130", text) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError("PS-A03", f"encoder weights {path} do not exist: give a file, {IMAGENET} or {NONE}")
    return path


def _of_file(path: Path) -> Any:
    return read_tensors(_existing(path), remedy="copy it again")


def _fitting(tensors: Any, wanted: Mapping[str, Tensor], public: PublicFile, name: str) -> dict[str, Any]:
    """The tensors of a file by the encoder's names, without those it leaves."""
    if not isinstance(tensors, Mapping):
        raise ModelError("PS-A102", f"{name} holds no state dict: use {public.name}, or choose none")
    named = {OLD_NAME.sub(r"\1\2", str(k)): v for k, v in tensors.items() if not str(k).startswith(public.left)}
    if not any(k.endswith(COUNTER) for k in named):  # a file from before norms counted their batches
        named |= {k: torch.zeros_like(v) for k, v in wanted.items() if k.endswith(COUNTER)}
    if faults := mismatch(named, wanted):
        raise ModelError("PS-A102", f"{name} does not fit the encoder: {told(faults)}: use {public.name}")
    return named
