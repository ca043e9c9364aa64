"""Which of the candidate volumes is meant: the only one that fits, or the one the caller names."""

from __future__ import annotations

from collections.abc import Sequence

from pedseg.dicom.repeats import without_copied_parts
from pedseg.dicom.series import Series
from pedseg.errors import InputError, Notice, UsageError

FIT_SLICES = 8
"""A volume of a joint has at least this many slices; localizers have fewer."""
_LISTED = 40


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
    return _choose_phase(of_echo, phase), notices


def _choose_stack(candidates: Sequence[Series], series: int | str | None) -> tuple[list[Series], tuple[Notice, ...]]:
    """The parts of one stack."""
    series = int(series) if isinstance(series, str) and series.isdecimal() else series
    stacks: dict[int, list[Series]] = {}
    for part in candidates:
        stacks.setdefault(part.index, []).append(part)
    named = [s for s in stacks.values() if series is None or series in (s[0].index, s[0].uid)]
    if not named:
        raise UsageError("PS-A120", f"no series {series!r} here; there are: {_lines(list(stacks.values()))}")
    if series is not None and len(named) == 1:
        return named[0], ()
    _refuse_mixed(named)
    fitting = [s for s in named if _fits(s[0])] or [s for s in named if s[0].frames] or named
    if len(fitting) > 1:
        text = f"{len(fitting)} series fit; choose one by its number: {_lines(fitting)}"
        raise InputError("PS-A20", text)
    if len(named) == 1:
        return fitting[0], ()
    return fitting[0], (Notice("PS-W20", f"{len(named) - 1} other series, too small for a volume, were left aside"),)


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
        text = f"the series holds {len(parts)} images a position; choose a phase by its number"
        raise InputError("PS-A26", f"{text}: {rows}")
    for part in parts:
        if part.phase == phase:
            return part
    raise UsageError("PS-A120", f"no phase {phase} here; there is: {rows or 'one phase'}")


def _lines(stacks: Sequence[list[Series]]) -> str:
    listed = []
    for stack in stacks[:_LISTED]:
        n_echoes, n_phases = len({p.echo for p in stack}), len({p.phase for p in stack})
        extra = (f", {n_echoes} echoes" if n_echoes > 1 else "") + (f", {n_phases} phases" if n_phases > 1 else "")
        listed.append(stack[0].line() + extra)
    more = len(stacks) - len(listed)
    return "; ".join(listed) + (f"; and {more} more" if more > 0 else "")


def _time(part: Series) -> str:
    return "no echo time" if part.echo_time_ms is None else f"{part.echo_time_ms:g} ms"
