"""Which networks: names, layouts and learning schemes (METHODS, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pedseg.names import DecoderName, NetworkName, Scheme, Strategy
from pedseg.plan.objective import ObjectiveSpec
from pedseg.plan.values import Fraction, Frozen, Weight

DECODERS: dict[str, DecoderName] = {
    "unet": "transposed",
    "att_unet": "upsample",
    "inception_unet": "upsample",
    "dense_unet": "upsample",
    "efficient_unet": "upsample",
    "res_unet": "transposed",
    "vgg_unet": "transposed",
}
"""Decoder a network's name means where nothing else says so: its first row in METHODS, section 3."""

CHANNELS: dict[tuple[str, DecoderName], tuple[int, ...]] = {
    ("inception_unet", "upsample"): (512, 288, 192, 64),
    ("dense_unet", "upsample"): (512, 256, 64, 32),
    ("dense_unet", "transposed"): (384, 192, 96, 48),
    ("efficient_unet", "upsample"): (256, 128, 64, 32),
    ("res_unet", "transposed"): (512, 256, 128),
    ("vgg_unet", "transposed"): (512, 256, 128, 64),
}
"""Feature maps by network and decoder where they are not `CONV_CHANNELS` (METHODS, section 3)."""

CONV_CHANNELS = (32, 64, 128, 256, 512)
MAX_CHANNELS = 4096
"""Eight times the widest of the papers: a plan that came with a model must not ask for all memory."""

Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]

FROM_SCRATCH = ("unet", "att_unet")
"""Networks whose encoder is their own, not one that was trained on ImageNet."""

STRIDE_32 = ("inception_unet", "dense_unet", "efficient_unet")
"""Networks that go down to a 32nd of the slice's side; the others to a 16th."""


class NetworkSpec(Frozen):
    """Which network (METHODS, sections 3 and 4).

    Args:
        name: of the network; `pedseg.networks.NETWORKS` builds it.
        scheme: `dsl` shares convolutions between domains, `shared` norms and head too; `individual` is one network a
            domain, `transfer` one a domain that starts from one trained on another.
        strategy: `multi` tells bones apart in one softmax; `individual` has a network and a sigmoid for each bone,
            `global` one sigmoid for all (D, section 3.2.1).
        source: of `transfer`, the domain whose weights the others start from; empty stands for each in turn.
        decoder: layout of the papers, `upsample` (B) or `transposed` (A, C, D); None is what the name means. Of
            `dense_unet` `transposed` means D's channels without gates, upsampled as in B (D names no way).
        channels: feature maps. Of `unet` and `att_unet` those of the five levels, finest first; of networks with an
            ImageNet encoder those of the decoder's stages, coarsest first. None is the papers'.
        stochastic_depth: chance of a residual block to be left out in training, rising to this at the last one
            (efficient_unet; 0 in equality tests).
    """

    name: NetworkName = "att_unet"
    scheme: Scheme = "dsl"
    strategy: Strategy = "multi"
    source: str = ""
    decoder: DecoderName = None  # type: ignore[assignment]
    channels: tuple[int, ...] = None  # type: ignore[assignment]
    stochastic_depth: Fraction = 0.0

    @property
    def has_imagenet_encoder(self) -> bool:
        """Whether there are public weights for its encoder."""
        return self.name not in FROM_SCRATCH

    @property
    def coarsest_stride(self) -> int:
        """Pixels of the slice along a pixel of the coarsest map; windows are multiples of it."""
        return 32 if self.name in STRIDE_32 else 16

    @model_validator(mode="before")
    @classmethod
    def _what_the_name_means(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        name = values.get("name", "att_unet")
        if not isinstance(name, str):
            return values
        decoder = values.get("decoder") or DECODERS.get(name, "upsample")
        channels = values.get("channels") or CHANNELS.get((name, decoder), CONV_CHANNELS)
        return {**values, "decoder": decoder, "channels": channels}

    @model_validator(mode="after")
    def _fits(self) -> NetworkSpec:
        wanted = len(CHANNELS.get((self.name, self.decoder), CONV_CHANNELS))
        if len(self.channels) != wanted or any(c < 2 or c > MAX_CHANNELS or c % 2 for c in self.channels):
            text = f"channels of {self.name} must be {wanted} even numbers from 2 to {MAX_CHANNELS}"
            raise ValueError(f"{text}, got {self.channels}")
        if self.stochastic_depth and self.name != "efficient_unet":
            raise ValueError(f"stochastic_depth is efficient_unet's, {self.name} has no blocks to leave out: use 0")
        if self.name not in FROM_SCRATCH and (self.name, self.decoder) not in CHANNELS:
            raise ValueError(f"{self.name} has no {self.decoder} decoder: choose {DECODERS[self.name]}")
        return self

    @property
    def apart(self) -> bool:
        """Whether every domain has a network of its own."""
        return self.scheme in ("individual", "transfer")


class AutoencoderSpec(Frozen):
    """Which auto-encoder learns the shapes (METHODS, section 3).

    Args:
        kind: `double` has two convolutions a level (B, 7.85 M parameters), `single` one (C and D, 3.14 M).
        channels: feature maps of the five levels, finest first; the last are the shape code's.
        scheme: `dsl` shares convolutions between domains and `shared` all (B); `individual` is one a domain (C, D).
        strategy: as the network's; `individual` is one a bone (D, section 3.2.1).
        contrastive_weight: lambda_1 of B eq. 6, where domains are told apart in one network.
    """

    kind: Literal["double", "single"] = "double"
    channels: Annotated[tuple[Channels, ...], Field(min_length=5, max_length=5)] = CONV_CHANNELS
    scheme: Literal["dsl", "shared", "individual"] = "dsl"
    strategy: Strategy = "multi"
    contrastive_weight: Weight = 0.05

    @property
    def objective(self) -> ObjectiveSpec:
        """Its own loss: L_CE + lambda_1 L_MSC (B eq. 6), or L_CE alone (C; D eq. 5)."""
        name: Literal["ce", "msc"] = "msc" if self.scheme == "dsl" else "ce"
        return ObjectiveSpec(name=name, contrastive_weight=self.contrastive_weight)


def autoencoder_for(
    objective: ObjectiveSpec, scheme: Scheme, *, strategy: Strategy = "multi"
) -> AutoencoderSpec | None:
    """The auto-encoder an objective asks for: B's shares what the network shares, C's and D's is one a domain."""
    if not objective.needs_autoencoder:
        return None
    if "mjap" in objective.weights:
        return AutoencoderSpec(kind="double", scheme="shared" if scheme == "shared" else "dsl")
    return AutoencoderSpec(kind="single", scheme="individual", strategy=strategy)


def unfit_scheme(spec: NetworkSpec, domains: Sequence[str]) -> str:
    """What stands against a scheme or a strategy for these domains; empty where nothing does."""
    if spec.strategy != "multi" and len(domains) > 1 and spec.scheme != "individual":
        fault = f"strategy {spec.strategy} trains every domain alone, scheme {spec.scheme} does not"
        return f"{fault}: use the scheme individual, or one domain"
    if spec.scheme == "transfer" and len(domains) == 1:
        return "scheme transfer goes from one domain to another, there is one: use individual"
    if spec.source and (spec.scheme != "transfer" or spec.source not in domains):
        return f"source {spec.source} must be one of {', '.join(domains)}, and the scheme transfer"
    return ""
