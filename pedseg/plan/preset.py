"""Presets: hyper-parameters that belong together, one file each, every number with where it comes from."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pedseg.errors import UsageError, did_you_mean
from pedseg.names import DecoderName, NetworkName, Precision, preset_names
from pedseg.plan.network import FROM_SCRATCH, NetworkSpec
from pedseg.plan.objective import ObjectiveSpec
from pedseg.plan.prior import PriorSpec
from pedseg.plan.spec import AugmentationSpec, NormalisationSpec, PredictionSpec
from pedseg.plan.values import Frozen, Positive, Weight
from pedseg.schema import parse
from pedseg.yaml_files import yaml_model


class NetworkFigures(Frozen):
    """What a paper trained another network with than the preset's own.

    Args:
        decoder: None is what the network's name means.
        contrastive_weight: of `msc`; None is the preset's.
        why: the table or section.
    """

    decoder: DecoderName | None = None
    learning_rate: Positive
    batch: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    contrastive_weight: Weight | None = None
    why: str


class Preset(Frozen):
    """A named set of hyper-parameters (METHODS, section 6).

    Args:
        title: in a few words.
        source: the paper, or what it derives from.
        objective: the preset's own.
        alternatives: other objectives it has figures for.
        prior: of objectives that need an auto-encoder; None leaves it to `prior_for`.
        by_network: what changes for other networks, by name.
        window: pixels of a slice along each side.
        label_detail: labels along each side of a pixel.
        precision: `auto` asks the processor.
        why: for every number, the table or section it is from.
    """

    title: str
    source: str
    network: NetworkSpec
    objective: ObjectiveSpec
    alternatives: tuple[ObjectiveSpec, ...] = ()
    prior: PriorSpec | None = None
    by_network: dict[NetworkName, NetworkFigures] = Field(default_factory=dict)
    augmentation: AugmentationSpec
    window: Annotated[int, Field(ge=32, multiple_of=16)]
    label_detail: Literal[1, 2]
    learning_rate: Positive
    decay: Literal["none", "poly"]
    head_bias: Literal["random", "frequency"]
    batch: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    precision: Literal["auto"] | Precision
    normalisation: NormalisationSpec
    prediction: PredictionSpec
    why: dict[str, str]

    @model_validator(mode="after")
    def _every_number_has_a_reason(self) -> Preset:
        numbers = set(type(self).model_fields) - {"title", "source", "alternatives", "by_network", "why"}
        numbers -= set() if self.prior else {"prior"}
        if set(self.why) != numbers:
            raise ValueError(f"why must explain {', '.join(sorted(numbers))}; got {', '.join(sorted(self.why))}")
        return self

    def for_network(self, name: str | None) -> Preset:
        """This preset with another network, and with the figures it has for that one.

        Args:
            name: of the network; None is the preset's own.

        Raises:
            UsageError: PS-A96 no such network.
        """
        if name is None or name == self.network.name:
            return self
        figures = next((f for known, f in self.by_network.items() if known == name), None)
        network = {"network": self._network_named(name, figures.decoder if figures else None)}
        if figures is None:
            why = f"asked for; other figures are those for {self.network.name}"
            return self.model_copy(update={**network, "why": {**self.why, "network": why}})
        numbers = {key: getattr(figures, key) for key in ("learning_rate", "batch", "epochs")}
        weight = figures.contrastive_weight
        changes = {
            "objective": _contrasting(self.objective, weight),
            "alternatives": tuple(_contrasting(o, weight) for o in self.alternatives),
            "why": {**self.why, **dict.fromkeys(numbers, figures.why), "network": f"asked for; {figures.why}"},
        }
        return self.model_copy(update={**network, **numbers, **changes})

    def _network_named(self, name: str, decoder: DecoderName | None) -> NetworkSpec:
        """Another network with its own decoder; with this one's and its channels where both have the same levels."""
        alike = name in FROM_SCRATCH and self.network.name in FROM_SCRATCH
        channels = self.network.channels if alike else None
        decoder = decoder or (self.network.decoder if alike else None)
        values = {**self.network.model_dump(), "name": name, "decoder": decoder, "channels": channels}
        return parse(NetworkSpec, values, "options")

    def objective_named(self, name: str) -> ObjectiveSpec:
        """The preset's figures for an objective; `ce` has none to know.

        Raises:
            UsageError: PS-A120 an objective that the preset has no weight for.
        """
        if name not in self.objectives:
            advice = did_you_mean(name, self.objectives)
            others = ", ".join(n for n in preset_names() if name in load_preset(n).objectives)
            choice = f"choose one, or the preset {others}" if others else "choose one"
            raise UsageError("PS-A120", f"the preset has no figures for objective {name!r}; {advice}: {choice}")
        return self.objectives[name]

    @property
    def objectives(self) -> dict[str, ObjectiveSpec]:
        """By name, with this preset's figures; `ce` has none to know."""
        plain = ObjectiveSpec(name="ce", contrastive_weight=0, dice_weight=self.objective.dice_weight)
        return {o.name: o for o in (plain, *self.alternatives, self.objective)}


def _contrasting(objective: ObjectiveSpec, weight: float | None) -> ObjectiveSpec:
    if weight is None or "msc" not in objective.weights:
        return objective
    return objective.model_copy(update={"contrastive_weight": weight})


def load_preset(name: str) -> Preset:
    """A preset by name.

    Raises:
        UsageError: PS-A129 an unknown name, PS-A96 a damaged preset file.
    """
    if name not in preset_names():
        raise UsageError("PS-A129", f"unknown preset {name!r}; {did_you_mean(name, preset_names())}")
    text = files("pedseg.plan").joinpath("presets", f"{name}.yaml").read_text("utf-8")
    return yaml_model(Preset, text, f"{name}.yaml", advice="install pedseg again")
