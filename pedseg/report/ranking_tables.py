"""The ranking and how well it holds, as tables (D tables 4 and S2)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pedseg.evaluation.ranking import MovedRanking, Ranked, Robustness
from pedseg.evaluation.scores import UNION, unit_of
from pedseg.evaluation.thresholds import RankingSystem
from pedseg.report.tables import NOTHING, Cell, Table
from pedseg.report.values import SYMBOLS, domain_title, short_title, structure_title


def ranking_table(ranked: Sequence[Ranked], system: RankingSystem, *, structure: str = UNION) -> Table:
    """Score and rank of every method, domain beside domain (D table 4).

    Args:
        ranked: of `rank`.
        system: the thresholds it was made with.
        structure: what was scored.
    """
    domains = tuple(dict.fromkeys(row.domain for row in ranked))
    found = {(row.domain, row.method): row for row in ranked}
    heads = tuple(f"{domain_title(domain)} {head}" for domain in domains for head in ("score", "rank"))
    return Table(
        f"Ranking, {structure_title(structure)}: mean score ± standard deviation, 0 to 100",
        ("Method", *heads),
        tuple(
            (Cell(method), *(cell for domain in domains for cell in _rank_cells(found.get((domain, method)))))
            for method in dict.fromkeys(row.method for row in ranked)
        ),
        (_thresholds(system), *_missing(ranked)),
    )


def robustness_table(found: Sequence[Robustness]) -> Table:
    """Ranks under every moved threshold, those that change marked, and Kendall's tau (D table S2)."""
    systems = [(m.metric, m.threshold) for m in found[0].moved] if found else []
    return Table(
        "Ranks when one threshold moves",
        ("Domain", "Method", "Base", *(f"{short_title(m)} {_threshold(m, value)}" for m, value in systems)),
        tuple(row for domain in found for row in _robust_rows(domain)),
        (
            "Changed ranks in bold. Kendall's tau: 1 where the order is the one before.",
            *(_leader(domain) for domain in found),
        ),
    )


def _robust_rows(domain: Robustness) -> Iterator[tuple[Cell, ...]]:
    title = Cell(domain_title(domain.domain))
    for i, (method, rank) in enumerate(zip(domain.methods, domain.ranks, strict=True)):
        moved = (Cell(str(m.ranks[i]), "" if m.ranks[i] == rank else "changed") for m in domain.moved)
        yield title, Cell(method), Cell(str(rank)), *moved
    yield title, Cell("Kendall's tau"), Cell(NOTHING), *map(_tau_cell, domain.moved)


def _rank_cells(row: Ranked | None) -> tuple[Cell, Cell]:
    if row is None or math.isnan(row.mean):
        return Cell(NOTHING), Cell(NOTHING)
    score = f"{row.mean:.1f}" if math.isnan(row.std) else f"{row.mean:.1f} ± {row.std:.1f}"
    mark = {1: "best", 2: "second"}.get(row.rank, "")
    return Cell(score, mark), Cell(str(row.rank), mark)


def _thresholds(system: RankingSystem) -> str:
    told = ", ".join(
        f"{short_title(name)} {_threshold(name, rule.best)} to {_threshold(name, rule.threshold)}"
        for name, rule in system.metrics.items()
    )
    return f"Each metric scores 100 at its best value and 0 at its threshold and past it ({told}); the mean counts."


def _threshold(metric: str, value: float) -> str:
    """Such as `85 %`: rounded, for 0.85 is not quite a float."""
    return f"{round(100 * value if unit_of(metric) == 'fraction' else value, 6):g} {SYMBOLS[unit_of(metric)]}"


def _missing(ranked: Sequence[Ranked]) -> tuple[str, ...]:
    return tuple(f"{domain_title(row.domain)}, {row.method}: {_told_missing(row)}." for row in ranked if row.n_missing)


def _told_missing(row: Ranked) -> str:
    if row.n_missing < row.n:
        return f"{row.n_missing} of {row.n} exams without a mask score zero"
    return f"none of {row.n} exams has a mask, all score zero" if row.n > 1 else "its exam has no mask and scores zero"


def _tau_cell(moved: MovedRanking) -> Cell:
    return Cell(NOTHING if math.isnan(moved.tau) else f"{moved.tau:.2f}")


def _leader(domain: Robustness) -> str:
    first = " and ".join(name for name, rank in zip(domain.methods, domain.ranks, strict=True) if rank == 1)
    if not domain.moved:
        return f"{domain_title(domain.domain)}: no threshold was moved."
    held = "whatever the threshold" if domain.leader_stays else "but not under every threshold"
    return f"{domain_title(domain.domain)}: {first} first, {held}."
