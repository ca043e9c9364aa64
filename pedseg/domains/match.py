"""Which structure a name of somebody else's file means."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import TypeVar

from pedseg.domains.domain import Domain, Structure
from pedseg.errors import InputError, Notice
from pedseg.privacy import shown

SHOWN = 8
"""Names a message lists."""
_BRACKETS = re.compile(r"\([^)]*\)")
_NO_WORD = re.compile(r"[\W_]+")
K = TypeVar("K", bound=Hashable)


def simplified(text: str) -> str:
    """Letters and digits in one case: "Tibia (distal)" and "tibia_distal" are equal."""
    return _NO_WORD.sub("", text.casefold())


def structure_names(domain: Domain) -> dict[str, int]:
    """Simplified name -> label, where one structure alone is called so.

    A structure answers to its name, its title, its title without brackets, and its code as "SCT 80144004".
    """
    whole = [(text, label) for s, label in _numbered(domain) for text in (s.name, s.title)]
    coded = [(f"SCT {s.snomed}" if s.snomed else "", label) for s, label in _numbered(domain)]
    short = [(_BRACKETS.sub("", s.title), label) for s, label in _numbered(domain)]
    return {**_unambiguous(short), **_unambiguous(coded), **_unambiguous(whole)}


def match_structures(
    found: Mapping[K, tuple[str, ...]], domain: Domain, where: str
) -> tuple[dict[int, tuple[K, ...]], tuple[Notice, ...]]:
    """Masks that carry names -> the structures they are of.

    A structure takes what matches it best: a segment called "Femur" goes before one that is only coded as femur.

    Args:
        found: mask -> what it is called, the surest first.
        domain: the structures wanted.
        where: the exam's name, for messages.

    Returns:
        Label -> its masks, and notices of what was left over or not there.

    Raises:
        InputError: PS-A131 none matches; or a structure has none while others are left over, which may be its own.
    """
    known = structure_names(domain)
    ranks: dict[int, dict[K, int]] = {}
    for key, texts in found.items():
        hits = [(rank, known[name]) for rank, text in enumerate(texts) if (name := simplified(text)) in known]
        if hits:
            ranks.setdefault(hits[0][1], {})[key] = hits[0][0]
    matched = {
        label: tuple(key for key, rank in keys.items() if rank == min(keys.values())) for label, keys in ranks.items()
    }
    taken = {key for keys in matched.values() for key in keys}
    left = [texts[0] for key, texts in found.items() if key not in taken]
    missing = [s.name for s, label in _numbered(domain) if label not in matched]
    if missing and (left or not matched):
        raise InputError(
            "PS-A131",
            f"{where}: nothing is called {', '.join(missing)}, but there is {listed(left)}: "
            f"rename what is meant as the structures of {domain.name} are",
        )
    return dict(sorted(matched.items())), _notices(left, missing)


def listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    told = [shown(name, "a name that is not shown") for name in names[:SHOWN]]
    return (", ".join(told) or "nothing") + more


def _notices(left: list[str], missing: list[str]) -> tuple[Notice, ...]:
    if left:
        return (Notice("PS-W126", f"masks of other structures were left aside: {listed(left)}"),)
    if missing:
        return (Notice("PS-W127", f"no mask is called {', '.join(missing)}: taken as not there"),)
    return ()


def _numbered(domain: Domain) -> list[tuple[Structure, int]]:
    return [(s, label) for label, s in enumerate(domain.structures, start=1)]


def _unambiguous(pairs: list[tuple[str, int]]) -> dict[str, int]:
    """Names that mean one label."""
    labels: dict[str, set[int]] = {}
    for text, label in pairs:
        labels.setdefault(simplified(text), set()).add(label)
    return {name: min(of) for name, of in labels.items() if name and len(of) == 1}
