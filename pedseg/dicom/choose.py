"""Which of the candidate volumes is meant: the only one that fits, or the one the caller names."""

from __future__ import annotations

from collections.abc import Sequence

from pedseg.dicom.alike import parallel
from pedseg.dicom.interlaced import split_interlaced
from pedseg.dicom.repeats import without_copied_parts
from pedseg.dicom.series import FEW_SLICES, Series, centre_text
from pedseg.errors import InputError, Notice, UsageError

FIT_SLICES = 8
"""A volume of a joint has at least this many slices; localizers have fewer."""
_LISTED = 40
_DIGITS = 10


def choose(
    candidates: Sequence[Series], *, series: int | str | None = None, echo: int | None = None, phase: int | None = None
) -> tuple[Series, tuple[Notice, ...]]:
    """The one candidate that is meant, and what was left aside for it.

    Args:
        candidates: of one folder, at least one.
        series: index as listed (a number or its text), or Series Instance UID; None: the only one that fits.
        echo: echo number, where a series holds several.
        phase: number as listed, where a series holds several images a position.

    Raises:
        InputError: PS-A20, PS-A31, PS-A25, PS-A26: several fit; the message lists them.
        UsageError: PS-A120: what was asked for is not there.
    """
    stack, notices = _choose_stack(candidates, series)
    of_echo = _choose_echo(stack, echo)
    if len(of_echo) > 1 and phase is None:
        of_echo, copied = without_copied_parts(of_echo)
        notices += copied
    if len(of_echo) == 1:
        of_echo = split_interlaced(of_echo[0])
    return _choose_phase(of_echo, phase), notices


def _choose_stack(candidates: Sequence[Series], series: int | str | None) -> tuple[list[Series], tuple[Notice, ...]]:
    """The parts of one stack."""
    series = int(series) if isinstance(series, str) and series.isdecimal() and len(series) < _DIGITS else series
    stacks = _stacks(candidates)
    named = [s for s in stacks if series is None or (series != "" and series in (s[0].index, s[0].uid))]
    if not named:
        raise UsageError("PS-A120", f"no series {series!r} here; there are: {_lines(stacks)}")
    if series is not None and len(named) == 1:
        return named[0], ()
    named, strangers = _without_strangers(named)
    _refuse_mixed(named)
    fitting = _fitting(named)
    if len(fitting) > 1:
        n = len(fitting)
        text = f"{n} series fit" if _fits(fitting[0][0]) else f"none of {n} series has a volume's {FIT_SLICES} slices"
        raise InputError("PS-A20", f"{text}; choose one by its number: {_lines(fitting)}")
    if len(named) == 1:
        return fitting[0], strangers
    text = f"{len(named) - 1} other series, too small for a volume, were left aside"
    return fitting[0], (*strangers, Notice("PS-W20", text))


def fitting_stacks(candidates: Sequence[Series]) -> tuple[int, ...]:
    """Indices, as listed, of all stacks that could be a joint's volume; where there is none, of all others.

    Args:
        candidates: of one folder.

    Raises:
        InputError: PS-A31 one Series Instance UID means several patients, studies or frames of reference.
    """
    kept, _ = _without_strangers(_stacks(candidates))
    _refuse_mixed(kept)
    return tuple(stack[0].index for stack in _fitting(kept))


def _stacks(candidates: Sequence[Series]) -> list[list[Series]]:
    stacks: dict[int, list[Series]] = {}
    for part in candidates:
        stacks.setdefault(part.index, []).append(part)
    return list(stacks.values())


def _fitting(stacks: list[list[Series]]) -> list[list[Series]]:
    return [s for s in stacks if _fits(s[0])] or [s for s in stacks if s[0].frames] or stacks


def _without_strangers(stacks: list[list[Series]]) -> tuple[list[list[Series]], tuple[Notice, ...]]:
    """Without localizers that a series' UID also names, in a frame of reference of their own."""
    kept = [s for s in stacks if not any(_is_localizer_of(s[0], other[0]) for other in stacks if other is not s)]
    n_left = sum(len(part.frames) for stack in stacks for part in stack)
    n_left -= sum(len(part.frames) for stack in kept for part in stack)
    text = f"{n_left} images of the same series in another frame of reference (localizer) were left out"
    return kept, (Notice("PS-W21", text),) if n_left else ()


def _is_localizer_of(one: Series, other: Series) -> bool:
    """Few images across the other's slices, or named so, of the same patient, study and series."""
    if not (one.frames and other.frames) or other.n_slices <= FEW_SLICES or other.first.localizer:
        return False
    same = one.uid and one.key != other.key and one.key[:3] == other.key[:3]
    across = one.n_slices <= FEW_SLICES and not parallel(one.first, other.first)
    return bool(same and not one.damaged and (one.first.localizer or across))


def _refuse_mixed(stacks: Sequence[list[Series]]) -> None:
    """One Series Instance UID must mean one patient, one study and one frame of reference."""
    keys: dict[str, set[object]] = {}
    for stack in stacks:
        keys.setdefault(stack[0].uid, set()).add(stack[0].key)
    if mixed := [uid for uid in keys if uid and len(keys[uid]) > 1]:
        listed = _lines([s for s in stacks if s[0].uid in mixed])
        text = "one Series Instance UID holds several patients, studies or frames of reference"
        raise InputError("PS-A31", f"{text}; separate them, or choose one by its number: {listed}")


def _fits(series: Series) -> bool:
    """Whether the images look like the volume of a joint."""
    if series.frames and (series.n_slices < FIT_SLICES or series.first.localizer):
        return False
    mosaic = all(f.fault is not None and f.fault.code == "PS-A59" for f in series.damaged)
    return bool(series.frames) or not mosaic


def _choose_echo(parts: list[Series], echo: int | None) -> list[Series]:
    echoes: dict[int | None, list[Series]] = {}
    for part in parts:
        echoes.setdefault(part.echo, []).append(part)
    if len(echoes) == 1 and echo in (None, parts[0].echo, parts[0].first.echo_number):
        return parts
    rows = "; ".join(f"echo {e}: {_time(p[0])}, {p[0].n_slices} slices" for e, p in list(echoes.items())[:_LISTED])
    if echo is None:
        raise InputError("PS-A25", f"the series holds {len(echoes)} echoes; choose one by its number: {rows}")
    if echo not in echoes:
        found = rows if len(echoes) > 1 else f"one echo, {_time(parts[0])}"
        raise UsageError("PS-A120", f"no echo {echo} here; there is: {found}")
    return echoes[echo]


def _choose_phase(parts: list[Series], phase: int | None) -> Series:
    if len(parts) == 1 and phase in (None, 1):
        return parts[0]
    rows = "; ".join(f"phase {p.phase}: {p.phase_text}, {p.n_slices} slices" for p in parts[:_LISTED])
    if phase is None:
        text = f"the series holds {len(parts)} phases; choose one by its number"
        raise InputError("PS-A26", f"{text}: {rows}")
    for part in parts:
        if part.phase == phase:
            return part
    found = rows if len(parts) > 1 else f"one phase, {parts[0].n_slices} slices"
    raise UsageError("PS-A120", f"no phase {phase} here; there is: {found}")


def _lines(stacks: Sequence[list[Series]]) -> str:
    listed = []
    for stack in stacks[:_LISTED]:
        n_echoes, n_phases = len({p.echo for p in stack}), len({p.phase for p in stack})
        extra = (f", {n_echoes} echoes" if n_echoes > 1 else "") + (f", {n_phases} phases" if n_phases > 1 else "")
        slab = stack[0].frames and sum(stack[0].key == other[0].key for other in stacks) > 1
        listed.append(stack[0].line() + extra + (f", {centre_text(stack[0].frames)}" if slab else ""))
    more = len(stacks) - len(listed)
    return "; ".join(listed) + (f"; and {more} more" if more > 0 else "")


def _time(part: Series) -> str:
    return "no echo time" if part.echo_time_ms is None else f"{part.echo_time_ms:g} ms"
