"""Facts and wishes -> plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pedseg.plan import DomainPlan, EncoderWeights, NetworkSpec, ObjectiveSpec, Plan, PriorSpec, ScheduleSpec
from pedseg.plan.files import parse
from pedseg.plan.fingerprint import ExamFacts, Fingerprint
from pedseg.plan.machine import processor_flags
from pedseg.plan.memory import networks_at_once, plan_training_gib, prediction_gib
from pedseg.plan.preset import Preset, load_preset
from pedseg_plan import rules
from pedseg_plan.options import PlanOptions
from pedseg_plan.rules import Decision
from pedseg_plan.sources import Source


@dataclass(frozen=True)
class Choices:
    """What follows from the options and the number of domains alone, with the preset for the network asked for."""

    preset: Preset
    network: Decision[NetworkSpec]
    encoder: Decision[EncoderWeights]
    objective: Decision[ObjectiveSpec]
    prior: Decision[PriorSpec | None]


def choose(domains: Sequence[str], options: PlanOptions) -> Choices:
    """Take the decisions that need no exam: what cannot be had is refused before one is read.

    Raises:
        UsageError: PS-A120, PS-A129, PS-A96 an option that does not exist or does not fit the others.
    """
    preset = load_preset(options.preset).for_network(options.network)
    n = len(domains)
    network = rules.network_rule(preset, options.network, options.scheme, strategy=options.strategy, n_domains=n)
    rules.check_scheme(network.value, domains)
    rules.check_batch(options.batch, n, network.value.scheme)
    rules.check_window(options.window, network.value)
    scheme, strategy = network.value.scheme, network.value.strategy
    objective = rules.objective_rule(preset, options.objective, scheme, n, strategy=strategy)
    encoder = rules.encoder_rule(network.value, options.encoder_weights)
    return Choices(
        preset, network, encoder, objective, rules.prior_rule(preset, objective.value, scheme, strategy=strategy)
    )


def decide(sources: Sequence[Source], facts: Fingerprint, options: PlanOptions) -> Plan:
    """Take every decision, each with its reason.

    Args:
        sources: the domains, in the order of heads.
        facts: of their usable exams.
        options: the user's wishes; they go before the preset.
    """
    chosen = choose([s.domain.name for s in sources], options)
    preset, network, encoder = chosen.preset, chosen.network, chosen.encoder
    objective, prior = chosen.objective, chosen.prior
    exams = {s.domain.name: facts.domains[s.domain.name].exams for s in sources}
    parts = tuple(_domain_plan(s, exams[s.domain.name], preset, options.window or preset.window) for s in sources)
    precision = rules.precision_rule(options.precision or preset.precision, processor_flags())
    folds = rules.folds_rule({part.domain.name: part.cases for part in parts}, options.folds)
    decisions = {
        "name": options.name,
        "preset": options.preset,
        "domains": parts,
        "network": network.value,
        "encoder_weights": encoder.value,
        "objective": objective.value,
        "prior": prior.value,
        "augmentation": preset.augmentation,
        "schedule": _schedule(preset, options, precision.value),
        "prediction": preset.prediction,
        "folds": folds.value,
        "fingerprint": facts.digest,
    }
    plan = parse(Plan, decisions, "options")
    reasons = {
        "network": network.why,
        "encoder_weights": encoder.why,
        "objective": objective.why,
        **({"prior": prior.why} if prior.value else {}),
        "augmentation": preset.why["augmentation"],
        "epochs": _asked_or(options.epochs, preset.why["epochs"]),
        "batch": rules.batch_why(plan.share, len(parts), plan.schedule.batch, plan.network.scheme),
        **{key: preset.why[key] for key in ("learning_rate", "decay", "head_bias")},
        "precision": precision.why,
        "channels_last": "convolutions on the processor run faster on pixels that keep their channels together",
        "prediction": preset.why["prediction"],
        "folds": folds.why,
        "training_memory": _training_memory(plan),
        "prediction_memory": _prediction_memory(plan, exams),
    }
    return plan.model_copy(update={"why": reasons})


def _schedule(preset: Preset, options: PlanOptions, precision: str) -> ScheduleSpec:
    values = {
        "epochs": preset.epochs if options.epochs is None else options.epochs,
        "batch": options.batch or preset.batch,
        "learning_rate": preset.learning_rate,
        "decay": preset.decay,
        "head_bias": preset.head_bias,
        "precision": precision,
        "seed": options.seed,
    }
    return parse(ScheduleSpec, values, "options")


def _domain_plan(source: Source, exams: Mapping[str, ExamFacts], preset: Preset, window: int) -> DomainPlan:
    plane = rules.plane_rule(exams)
    spacing = rules.spacing_rule(exams, plane.value, window)
    values = {
        "domain": source.domain,
        "plane": plane.value,
        "spacing_mm": spacing.value,
        "window": window,
        "label_detail": preset.label_detail,
        "normalisation": preset.normalisation,
        "cases": {name: exam.patient for name, exam in exams.items()},
        "source": source.recorded,
        "why": {
            "plane": plane.why,
            "spacing_mm": spacing.why,
            "window": preset.why["window"] if window == preset.window else "asked for",
            "label_detail": preset.why["label_detail"],
            "normalisation": preset.why["normalisation"],
            "cases": "every exam that passed the check",
        },
    }
    return parse(DomainPlan, values, "options")


def _asked_or(asked: int | None, why: str) -> str:
    return why if asked is None else "asked for"


def _training_memory(plan: Plan) -> str:
    window, networks = plan.domains[0].window, networks_at_once(plan)
    slices = plan.share * len(plan.domains)
    kept = f"{slices} slices of {window} x {window} with all their feature maps, and Adam"
    if networks > 1:
        kept += f", of {networks} networks"
    if plan.shape_prior:
        kept += "; an auto-encoder beside them"
    return f"about {plan_training_gib(plan):.1f} GiB: {kept}"


def _prediction_memory(plan: Plan, exams: Mapping[str, Mapping[str, ExamFacts]]) -> str:
    pairs = ((part, exam) for part in plan.domains for exam in exams[part.domain.name].values())
    need = max(_exam_gib(plan.network, part, exam) for part, exam in pairs)
    return f"about {need:.1f} GiB for the largest exam: its grey values, its slices' probabilities and a batch"


def _exam_gib(network: NetworkSpec, part: DomainPlan, exam: ExamFacts) -> float:
    voxels = exam.shape[0] * exam.shape[1] * exam.shape[2]
    return prediction_gib(network, part.window, part.domain.n_classes, exam.n_slices(part.plane), voxels)
