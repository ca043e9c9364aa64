"""What one fold takes: one training, or with scheme `transfer` one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pedseg.plan import Fold, Plan


@dataclass(frozen=True)
class Stage:
    """One training.

    Args:
        run: its folder's name in `runs/<plan>/`.
        plan: embedded in the run.
        fold: exams that train, validate and test.
        pretrained: the run whose network of the plan's source it starts from; empty where it starts afresh.
    """

    run: str
    plan: Plan
    fold: Fold
    pretrained: str = ""


def stages(plan: Plan, fold: Fold, run: str) -> list[Stage]:
    """The trainings of a fold, in order.

    Scheme `transfer` (B, section 3.2.1) takes K + 1 runs: `<run>_individual`, the networks of single domains, then for
    every source `<run>_from_<source>`, in which the networks of all other domains start from the source's and are
    trained as long again. A run a source is a row of B table 2 (`Transfer_Ankle`), every ordered pair is trained once,
    each run is an ordinary one that predicts with its source's weights (`-m`), and the individual networks, a row of
    their own, are trained once for all. The source's own network is in its run as it was, for B scores that in its
    place; no exam of the source trains there. A plan that names its source has that run alone.

    Args:
        plan: with whatever scheme.
        fold: exams that train, validate and test.
        run: as asked for.
    """
    if plan.network.scheme != "transfer":
        return [Stage(run, plan, fold)]
    first = Stage(f"{run}_individual", _with_network(plan, {"scheme": "individual", "source": ""}), fold)
    sources = (plan.network.source,) if plan.network.source else plan.domain_names
    return [first, *(_fine_tuning(plan, fold, run, source) for source in sources)]


def _fine_tuning(plan: Plan, fold: Fold, run: str, source: str) -> Stage:
    targets = {domain: cases for domain, cases in fold.train.items() if domain != source}
    changed = _with_network(plan, {"source": source})
    return Stage(f"{run}_from_{source}", changed, fold.model_copy(update={"train": targets}), f"{run}_individual")


def _with_network(plan: Plan, values: Mapping[str, Any]) -> Plan:
    return Plan.model_validate({**plan.model_dump(by_alias=True), "network": {**plan.network.model_dump(), **values}})
