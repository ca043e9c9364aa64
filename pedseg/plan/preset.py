"""Presets: hyper-parameters that belong together, one file each, every number with where it comes from."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from pedseg.errors import UsageError, did_you_mean
from pedseg.plan.files import parse
from pedseg.plan.network import NetworkSpec
from pedseg.plan.objective import ObjectiveSpec
from pedseg.plan.spec import AugmentationSpec, NormalisationSpec, PredictionSpec
from pedseg.plan.values import Frozen, Positive


class Preset(Frozen):
    """A named set of hyper-parameters (METHODS, section 6).

    Args:
        title: in a few words.
        source: the paper, or what it derives from.
        objective: the preset's own.
        alternatives: other objectives it has figures for.
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
    augmentation: AugmentationSpec
    window: Annotated[int, Field(ge=32, multiple_of=16)]
    label_detail: Literal[1, 2]
    learning_rate: Positive
    decay: Literal["none", "poly"]
    head_bias: Literal["random", "frequency"]
    batch: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    precision: Literal["auto", "float32", "bfloat16"]
    normalisation: NormalisationSpec
    prediction: PredictionSpec
    why: dict[str, str]

    @model_validator(mode="after")
    def _every_number_has_a_reason(self) -> Preset:
        numbers = set(type(self).model_fields) - {"title", "source", "alternatives", "why"}
        if set(self.why) != numbers:
            raise ValueError(f"why must explain {', '.join(sorted(numbers))}; got {', '.join(sorted(self.why))}")
        return self

    def objective_named(self, name: str) -> ObjectiveSpec:
        """The preset's figures for an objective; `ce` has none to know.

        Raises:
            UsageError: PS-A120 an objective that the preset has no weight for.
        """
        plain = ObjectiveSpec(name="ce", contrastive_weight=0, dice_weight=self.objective.dice_weight)
        known: dict[str, ObjectiveSpec] = {o.name: o for o in (plain, *self.alternatives, self.objective)}
        if name not in known:
            advice = did_you_mean(name, known)
            raise UsageError("PS-A120", f"the preset has no figures for objective {name!r}; {advice}: choose one")
        return known[name]


def preset_names() -> tuple[str, ...]:
    """Names of the presets that come with pedseg."""
    folder = files("pedseg.plan").joinpath("presets")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_preset(name: str) -> Preset:
    """A preset by name.

    Raises:
        UsageError: PS-A129 an unknown name, PS-A96 a damaged preset file.
    """
    if name not in preset_names():
        raise UsageError("PS-A129", f"unknown preset {name!r}; {did_you_mean(name, preset_names())}")
    text = files("pedseg.plan").joinpath("presets", f"{name}.yaml").read_text("utf-8")
    return parse(Preset, yaml.safe_load(text), f"{name}.yaml")
