"""A plan's decisions as rows a person reads: what, its value, and why."""

from __future__ import annotations

from pathlib import Path

from pedseg.plan import DomainPlan, Plan, PriorSpec


def decisions(plan: Plan) -> list[tuple[str, str, str]]:
    """Every decision with its value and its reason: those of the domains, then the shared ones."""
    rows = [row for part in plan.domains for row in _domain_rows(part)]
    values = {key: value for key, value in _values(plan).items() if value}
    keys = dict.fromkeys([*plan.why, *values])
    return rows + [(key.replace("_", " "), values.get(key, ""), plan.why.get(key, "")) for key in keys]


def _domain_rows(part: DomainPlan) -> list[tuple[str, str, str]]:
    clip = part.normalisation.clip_percentiles
    values = {
        "plane": part.plane,
        "spacing_mm": f"{part.spacing_mm:g} mm",
        "window": f"{part.window} x {part.window}",
        "label_detail": f"{part.label_detail} x {part.label_detail} a pixel",
        "normalisation": f"z-score, clip {clip[0]:g}..{clip[1]:g} %" if clip else "z-score",
        "cases": f"{len(part.cases)} exams, {len(set(part.cases.values()))} patients",
    }
    name = part.domain.name
    return [(f"{name} {key.removesuffix('_mm')}", value, part.why.get(key, "")) for key, value in values.items()]


def _values(plan: Plan) -> dict[str, str]:
    change, schedule = plan.augmentation, plan.schedule
    weights = [f"{weight:g}" for weight in plan.objective.weights.values()]
    weight = f", weight {' + '.join(weights)}" if weights else ""
    dice = f", Dice {plan.objective.dice_weight:g}" if plan.objective.dice_weight else ""
    scale = f", scale {change.scale_fraction:.0%}" if change.scale_fraction else ""
    flips = {"both": ", flips", "left_right": ", left-right flips", "none": ""}[change.flips]
    cleaned = f"cleaned on {plan.prediction.postprocess_grid}" if plan.prediction.postprocess else "as predicted"
    return {
        "network": ", ".join(_network(plan)),
        "encoder_weights": _encoder(plan),
        "objective": f"{plan.objective.name}{weight}{dice}",
        "prior": _prior(plan.prior) if plan.prior else "",
        "augmentation": f"{change.rotation_deg:g} deg, shift {change.shift_fraction:.0%}{scale}{flips}",
        "epochs": str(schedule.epochs),
        "batch": str(plan.share * (1 if plan.network.apart else len(plan.domains))),
        "learning_rate": f"{schedule.learning_rate:g}",
        "decay": schedule.decay,
        "head_bias": schedule.head_bias,
        "precision": schedule.precision,
        "channels_last": "on" if schedule.channels_last else "off",
        "prediction": ("mirrored too, " if plan.prediction.mirror else "") + cleaned,
        "folds": str(len(plan.folds)),
    }


def _encoder(plan: Plan) -> str:
    weights = plan.encoder_weights
    return f"{Path(weights.source).name}, {weights.sha256[:8]}" if weights.is_file else weights.source


def _network(plan: Plan) -> list[str]:
    """Its name and how it is shared; of bones told apart otherwise than by one softmax, how."""
    spec = plan.network
    strategy = [] if spec.strategy == "multi" else [f"bones {spec.strategy}"]
    return [spec.name, spec.scheme, *strategy]


def _prior(prior: PriorSpec) -> str:
    kind, scheme = prior.autoencoder.kind, prior.autoencoder.scheme
    return f"{kind}, {scheme}, batch {prior.batch}, {prior.epochs} epochs"
