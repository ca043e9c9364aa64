"""What a plan decides, as frozen models that check themselves at birth.

Facts (fingerprint), decisions (plan) and results never share a file. Every planned value may have its
reason beside it, in `why`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from pedseg.domains import Domain
from pedseg.domains.domain import Name
from pedseg.names import Precision
from pedseg.plan.coding import Coding, output_coding
from pedseg.plan.encoder import NONE, EncoderWeights
from pedseg.plan.network import NetworkSpec, unfit_scheme
from pedseg.plan.objective import ObjectiveSpec, misfit
from pedseg.plan.prior import PriorSpec, prior_for
from pedseg.plan.values import Fraction, Frozen, Positive
from pedseg.workspace import digest_of

Plane = Literal["axial", "coronal", "sagittal"]


class AugmentationSpec(Frozen):
    """Ranges of the random changes of a training slice (METHODS, section 6).

    Args:
        rotation_deg: to either side.
        shift_fraction: of the slice's size, along rows and columns.
        scale_fraction: smaller or larger.
        flips: `both` axes of the slice (the papers), `left_right` of the patient only, or `none`.
    """

    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 22.5
    shift_fraction: Fraction = 0.1
    scale_fraction: Fraction = 0.0
    flips: Literal["both", "left_right", "none"] = "both"


POLY_POWER = 0.9


class ScheduleSpec(Frozen):
    """How long and in what portions to train.

    Args:
        epochs: one epoch sees every slice of the largest domain once.
        batch: slices asked for; every domain gets an equal share of it.
        learning_rate: Adam's.
        decay: `none` keeps the learning rate (the papers); `poly` lets it fall to 0 as (1 - done)^0.9.
        head_bias: `random` (the papers), or `frequency`: heads start at the logarithm of how often each label occurs in
            training, so that the first epochs need not learn that most pixels are background.
        precision: arithmetic of the convolutions.
        seed: start of weights, order and augmentation.
        clip_norm: gradients longer than this are shortened to it; None lets them be (the papers).
    """

    epochs: Annotated[int, Field(ge=1)] = 6
    batch: Annotated[int, Field(ge=1)] = 18
    learning_rate: Positive = 5e-4
    decay: Literal["none", "poly"] = "none"
    head_bias: Literal["random", "frequency"] = "random"
    precision: Precision = "float32"
    channels_last: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    clip_norm: Positive | None = None

    def decay_at(self, done: float) -> float:
        """Factor of the learning rate when a share 0..1 of all steps is done."""
        return float((1 - done) ** POLY_POWER) if self.decay == "poly" else 1.0


class PredictionSpec(Frozen):
    """How probabilities come about and what happens to them (METHODS, section 7).

    Args:
        mirror: average with what the networks say of the mirror image along the patient's left-right, in slices that
            show it: twice the work. The papers did not.
        postprocess: one connected bone a label, closed.
        postprocess_grid: where: on the exam's own grid, or on the slices' (the papers).
    """

    mirror: bool = False
    postprocess: bool = True
    postprocess_grid: Literal["exam", "slices"] = "exam"


class NormalisationSpec(Frozen):
    """Zero mean and unit variance a volume, after clipping at percentiles (None: no clipping, as the papers)."""

    clip_percentiles: tuple[float, float] | None = (0.05, 99.95)


class DomainPlan(Frozen):
    """Decisions for one domain: `<domain>.json`.

    Args:
        plane: slices are cut in this plane.
        spacing_mm: in-plane pixel size of the slices, the same along rows and columns.
        window: pixels of a slice along each side.
        label_detail: labels along each side of a pixel in training. 1 names the label that covers most of it (the
            papers); 2 lets targets say how much of it each label covers.
        cases: exams that passed the check, with the patient each belongs to.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    domain: Domain
    plane: Plane
    spacing_mm: Positive
    window: Annotated[int, Field(ge=32, le=4096, multiple_of=16)] = 256
    label_detail: Literal[1, 2] = 1
    normalisation: NormalisationSpec = NormalisationSpec()
    cases: dict[Name, str] = Field(default_factory=dict)
    source: str = ""
    """Where the exams are, when not in the workspace's raw folder."""
    why: dict[str, str] = Field(default_factory=dict)

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Fold(Frozen):
    """Exams of one fold: domain name -> case names."""

    test: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    validation: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    train: dict[str, tuple[str, ...]]


class Plan(Frozen):
    """All decisions, with the plans of the domains inside."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    name: Name = "default"
    preset: str = ""
    domains: Annotated[tuple[DomainPlan, ...], Field(min_length=1)]
    network: NetworkSpec = NetworkSpec()
    encoder_weights: EncoderWeights = EncoderWeights()
    objective: ObjectiveSpec = ObjectiveSpec()
    prior: PriorSpec | None = None
    """How the auto-encoder of the objective is trained; None leaves it to `shape_prior`."""
    augmentation: AugmentationSpec = AugmentationSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    prediction: PredictionSpec = PredictionSpec()
    folds: tuple[Fold, ...] = ()
    fingerprint: str = ""
    """Digest of the fingerprint the decisions were taken from."""
    why: dict[str, str] = Field(default_factory=dict)

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        names = self.domain_names
        if len(set(names)) < len(names):
            raise ValueError(f"domains must differ, got {', '.join(names)}")
        if len({d.window for d in self.domains}) > 1:
            raise ValueError("all domains need one window size: they share batches")
        self._check_network()
        if unfit := unfit_scheme(self.network, names):
            raise ValueError(unfit)
        spec = self.network
        if fault := misfit(self.objective.name, spec.scheme, len(names), strategy=spec.strategy):
            raise ValueError(str(fault))
        self._check_prior()
        if self.prediction.mirror and self.augmentation.flips == "none":
            raise ValueError("prediction.mirror averages what training mirrored: set augmentation.flips to left_right")
        return self

    def _check_network(self) -> None:
        window, name, stride = self.domains[0].window, self.network.name, self.network.coarsest_stride
        if window % stride:
            raise ValueError(f"{name} needs a window that is a multiple of {stride}, got {window}")
        if self.encoder_weights.source != NONE and not self.network.has_imagenet_encoder:
            raise ValueError(f"{name} has no ImageNet encoder: set encoder_weights.source to {NONE}")

    @property
    def domain_names(self) -> tuple[str, ...]:
        """Names in order; the order of heads and of the batch."""
        return tuple(d.domain.name for d in self.domains)

    @property
    def digest(self) -> str:
        """sha256 of every decision (reasons left out).

        Values that stand at their defaults are left out too: a field that a later version adds changes no digest.
        """
        return digest_of(_without_reasons(self.model_dump(mode="json", by_alias=True, exclude_defaults=True)))

    @property
    def resume_digest(self) -> str:
        """sha256 of what a checkpoint depends on: everything but how long to train and which exams are folded."""
        return digest_of(self._resumable(exclude_defaults=True))

    @property
    def resume_values(self) -> dict[str, Any]:
        """What `resume_digest` is of, as plain values, defaults written out."""
        return self._resumable(exclude_defaults=False)

    @property
    def shape_prior(self) -> PriorSpec | None:
        """How the auto-encoder is trained: `prior`, else as the papers did; None where the objective needs none."""
        return self.prior or self._prior_of_the_papers

    @property
    def share(self) -> int:
        """Slices of each domain in a batch: floor(batch / K), at least 2 (METHODS, section 4)."""
        if self.network.apart:
            return max(2, self.schedule.batch)
        return max(2, self.schedule.batch // len(self.domains))

    @property
    def coding(self) -> Coding:
        """What the channels of the network's output stand for."""
        return output_coding(self.network, [part.domain for part in self.domains])

    def _check_prior(self) -> None:
        if self.prior is None:
            return
        wanted = self._prior_of_the_papers
        if wanted is None:
            raise ValueError(f"objective {self.objective.name} needs no auto-encoder: leave prior out")
        for key in ("scheme", "strategy"):
            if (value := getattr(wanted.autoencoder, key)) != getattr(self.prior.autoencoder, key):
                raise ValueError(f"objective {self.objective.name} needs prior.autoencoder.{key} {value}")

    @property
    def _prior_of_the_papers(self) -> PriorSpec | None:
        return prior_for(self.objective, self.network.scheme, strategy=self.network.strategy)

    def _resumable(self, *, exclude_defaults: bool) -> dict[str, Any]:
        leave: dict[str, Any] = {"folds": True, "schedule": {"epochs"}}
        values = self.model_dump(mode="json", by_alias=True, exclude=leave, exclude_defaults=exclude_defaults)
        return dict(_without_reasons(values))

    def domain_plan(self, name: str) -> DomainPlan:
        """The plan of one domain (KeyError if it is not one of ours)."""
        return {d.domain.name: d for d in self.domains}[name]

    def predicted(self, name: str) -> DomainPlan:
        """The plan of one domain with the structures that predictions name: their union alone in strategy `global`."""
        part = self.domain_plan(name)
        whole = self.network.strategy == "global"
        return part.model_copy(update={"domain": part.domain.union}) if whole else part


def cache_digest(plan: DomainPlan) -> str:
    """sha256 of what the slice cache of a domain depends on."""
    keep = {"domain", "plane", "spacing_mm", "window", "label_detail", "normalisation"}
    return digest_of(_without_reasons(plan.model_dump(mode="json", include=keep, exclude_defaults=True)))


def label_digest(plan: DomainPlan) -> str:
    """sha256 of what the labels in the slice cache of a domain depend on."""
    keep = {"domain", "plane", "spacing_mm", "window", "label_detail"}
    return digest_of(_without_reasons(plan.model_dump(mode="json", include=keep, exclude_defaults=True)))


def _without_reasons(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_reasons(v) for k, v in value.items() if k != "why"}
    return [_without_reasons(v) for v in value] if isinstance(value, list) else value
