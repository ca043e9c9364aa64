"""What every command shares: flags, log levels, and how an error becomes one line and an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from pedseg import __version__, privacy
from pedseg.errors import ExitCode, OutputError, PedsegError, UsageError, one_line
from pedseg.exhaustion import out_of_memory, out_of_room, refused_by_system, too_large
from pedseg.signals import ENDING, Interruption, listen, never_lost, restore
from pedseg.streams import UnheardError, mute, ready_streams, say

DISCLAIMER = "Research only, not a medical device."
NO_JOBS = "changes nothing here: one exam or fold is done at a time"
NO_SEED = "changes nothing here: nothing is drawn"
SEED_OF_PLAN = "instead of the plan's"
"""Nor are threads, which are torch's (`OMP_NUM_THREADS`): another number of them changes the last bits."""
OWN = ("output", "workspace", "model", "predictions", "run")
"""Flags whose paths end in the user's own word: for what pedseg makes, and for methods that are compared."""
Job = Callable[[argparse.Namespace], "int | None"]


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default == "" or isinstance(action.default, bool):
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Refuses in one line, as everything else does."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As its parent does, but a flag it does not know is named with the nearest one."""
        flags, left = super().parse_known_args(args, namespace)
        unknown = [text.split("=")[0] for text in left if text.startswith("-")]
        if unknown:
            known = [text for action in self._actions for text in action.option_strings if text.startswith("--")]
            near = [f", did you mean {text}?" for text in get_close_matches(unknown[0], known, n=1)]
            self.error("".join((f"unknown flag {unknown[0]}", *near)))
        return flags, left

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError("PS-A139", f"{one_line(message)}: see {self.prog} --help")


def make_parser(
    name: str, description: str, *, jobs: str = "processes", seed: str = "start of every random draw"
) -> argparse.ArgumentParser:
    """A parser with the flags every command has.

    Args:
        name: of the command.
        description: what it does.
        jobs: what `-j` means.
        seed: what `--seed` means.
    """
    parser = _Parser(
        prog=name, description=description, epilog=DISCLAIMER, formatter_class=_Help
    )
    shared = parser.add_argument_group("shared")
    shared.add_argument(
        "-w", "--workspace", type=Path, metavar="DIR",
        help="project folder; else $PEDSEG_WORKSPACE, else ./pedseg_workspace", default=argparse.SUPPRESS,
    )
    shared.add_argument("-j", "--jobs", type=positive, default=os.cpu_count() or 1, help=jobs)
    shared.add_argument("--seed", type=int, default=0, help=seed)
    shared.add_argument("-v", "--verbose", action="store_true", help="say more")
    shared.add_argument("-q", "--quiet", action="store_true", help="warnings and errors only")
    shared.add_argument("--debug", action="store_true", help="show tracebacks")
    shared.add_argument(
        "--show-names", action="store_true",
        help="show names of files and texts of inner errors as they are: they may tell who a patient is",
    )
    shared.add_argument("--version", action="version", version=f"pedseg {__version__}")
    return parser


def run(job: Job, parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> int:
    """Parse, run the job, and turn what happens into an exit code.

    Args:
        job: takes the parsed flags (`workspace` is None where not given); returns an exit code or None for done.
        parser: from `make_parser`.
        arguments: else the command line.
    """
    ready_streams()
    try:
        flags = _parsed(parser, arguments)
    except UsageError as error:
        return _refuse(parser.prog, error, debug=False)
    _start_log(flags)
    before = _start_privacy(flags)
    previous = listen(ENDING, _terminate) | listen([signal.SIGINT], _interrupt)
    try:
        with never_lost():
            code = int(job(flags) or ExitCode.DONE)
        _flush()
        return code
    except PedsegError as error:
        return _refuse(parser.prog, error, flags.debug)
    except UnheardError:
        mute(wholly=True)
        return ExitCode.OUTPUT
    except Exception as error:  # noqa: BLE001 - Python's own traceback quotes what libraries quote of a header
        return _fail(parser.prog, error, flags.debug)
    except KeyboardInterrupt as interrupt:
        say(f"{' '.join((f'{parser.prog}: interrupted', *map(str, interrupt.args)))}\n")
        return ExitCode.INTERRUPTED
    finally:
        _end_privacy(before)
        restore(previous)


def positive(text: str) -> int:
    """An argument type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def progress_hidden() -> bool | None:
    """The `disable` of tqdm: True when quiet; None lets tqdm hide itself where there is no terminal."""
    return True if logging.getLogger("pedseg").level > logging.INFO else None


def _parsed(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """The flags, with a `workspace`.

    Raises:
        UsageError: PS-A139 flags that are not meant like this, PS-A03 no folder to start from.
    """
    flags = parser.parse_args(arguments)
    flags.workspace = getattr(flags, "workspace", None)
    try:
        Path.cwd()
    except OSError as error:
        text = f"the working folder cannot be used ({error.strerror}): change to one that is there"
        raise UsageError("PS-A03", text) from error
    return flags


def _start_log(flags: argparse.Namespace) -> None:
    level = logging.WARNING if flags.quiet else logging.DEBUG if flags.verbose else logging.INFO
    log = logging.getLogger("pedseg")
    log.setLevel(level)
    log.handlers[:] = [_Stream()]
    log.propagate = False


class _Stream(logging.Handler):
    """Information to stdout, warnings to stderr, past any progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        warning = record.levelno >= logging.WARNING
        text = privacy.scrub(f"warning: {record.getMessage()}" if warning else record.getMessage())
        try:
            tqdm.write(text, file=sys.stderr if warning else sys.stdout)
        except BrokenPipeError as error:
            raise UnheardError from error


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise UnheardError from error


def _start_privacy(flags: argparse.Namespace) -> tuple[str | None, Any]:
    """Keep what may name a patient out of the command's lines; what was set before, for `_end_privacy`."""
    before = os.environ.get(privacy.SHOW_NAMES), warnings.showwarning
    os.environ[privacy.SHOW_NAMES] = "1" if flags.show_names else ""
    show: Any = _show_warning
    warnings.showwarning = show
    for flag, value in vars(flags).items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path):
                privacy.conceal(path, own=flag in OWN)
    return before


def _end_privacy(before: tuple[str | None, Any]) -> None:
    privacy.reveal()
    warnings.showwarning = before[1]
    if before[0] is None:
        del os.environ[privacy.SHOW_NAMES]
    else:
        os.environ[privacy.SHOW_NAMES] = before[0]


def _show_warning(  # the names are those of `warnings.showwarning`
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    """A library's warning without its text, which may quote a header."""
    text = f": {message}" if privacy.names_shown() else ""
    say(f"{category.__name__} in {Path(filename).name}, line {lineno}{text}\n")


def _refuse(program: str, error: PedsegError, debug: bool) -> int:
    if debug:
        say(privacy.trace(error))
    say(f"{program}: {privacy.scrub(str(error))}\n")
    return int(error.exit_code)


def _fail(program: str, error: Exception, debug: bool) -> int:
    """A fault of pedseg, unless it is what any job may meet anywhere: no memory, no room, a place out of reach."""
    if out_of_memory(error):
        return _refuse(program, too_large("the job"), debug)
    if out_of_room(error):
        mute()
        said = OutputError("PS-A106", "no space left on a disk that is written to: free some, then run again")
        return _refuse(program, said, debug)
    if refusal := refused_by_system(error):
        return _refuse(program, refusal, debug)
    say(privacy.trace(error))
    say(f"{program}: a fault of pedseg itself ({type(error).__name__}): please report it\n")
    return ExitCode.BUG


def _interrupt(_number: int, _frame: object) -> None:
    raise Interruption


def _terminate(_number: int, _frame: object) -> None:
    raise SystemExit(ExitCode.TERMINATED)
