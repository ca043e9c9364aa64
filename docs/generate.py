"""Write the pages that code decides: `python docs/generate.py`. The tests compare them.

commands.md comes from the commands' own flags, errors.md from `pedseg.errors`, domains.md from the domain files,
networks.md from the networks themselves, and the table of exit codes in README.md from the exit codes.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

import torch

import pedseg.errors
from pedseg.cli import NO_JOBS, NO_SEED, SEED_OF_PLAN
from pedseg.domains import Domain, builtin_names, load_domains
from pedseg.errors import ERRORS, WARNINGS, ExitCode, PedsegError
from pedseg.networks import NETWORKS, build_autoencoder, build_network
from pedseg.networks.discriminators import mask_discriminator
from pedseg.networks.domains import DomainHeads
from pedseg.networks.normalisation import DomainBatchNorm2d
from pedseg.networks.weights import PUBLIC_FILES
from pedseg.plan import AutoencoderSpec, NetworkSpec
from pedseg.plan.network import DECODERS

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = ("pedseg_phantom", "pedseg_plan", "pedseg_preprocess", "pedseg_train", "pedseg_predict", "pedseg_evaluate")
SHARED = {"workspace", "jobs", "seed", "verbose", "quiet", "debug", "show_names", "version"}
MADE = "<!-- made by docs/generate.py -->"
OTHER_CODES = {
    ExitCode.DONE: "Done.",
    ExitCode.BUG: "A fault of pedseg itself: please report it, with the output of `--debug`.",
    ExitCode.PARTIAL: "Some exams failed; the others are written.",
    ExitCode.INTERRUPTED: "Interrupted from the keyboard (SIGINT).",
    ExitCode.TERMINATED: "Ended from outside (SIGTERM), or its terminal was closed (SIGHUP).",
}
JOINTS = load_domains(("ankle", "knee", "shoulder"))
PUBLISHED = {
    ("unet", "transposed"): "not said (A, C)",
    ("unet", "upsample"): "not a paper's",
    ("att_unet", "upsample"): "8.7 and 8.7 (B table 1)",
    ("att_unet", "transposed"): "7.9 (D section 3.3)",
    ("efficient_unet", "upsample"): "14.6 and 14.8 (B table 1)",
    ("dense_unet", "upsample"): "23.3 and 23.6 (B table 1)",
    ("dense_unet", "transposed"): "18.5 (D section 3.3)",
    ("inception_unet", "upsample"): "48.1 and 48.3 (B table 1)",
    ("res_unet", "transposed"): "13.6 (D section 3.3)",
    ("vgg_unet", "transposed"): "34.7 (D section 3.3)",
}
"""Millions of parameters, for one joint and for three in one, by network and decoder."""


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    readme = ROOT / "README.md"
    return {
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "domains.md": domains_page(),
        REFERENCE / "networks.md": networks_page(),
        readme: with_exit_codes(readme.read_text("utf-8")),
    }


def commands_page() -> str:
    """Flags of every command."""
    parsers = {name: parser_of(name) for name in COMMANDS}
    first = next(iter(parsers.values()))
    meant_otherwise = {NO_JOBS, NO_SEED, SEED_OF_PLAN}
    parts = [
        f"{MADE}\n# Commands",
        "Every command is also a Python function of the same name: `from pedseg_plan import pedseg_plan`. "
        "What a command returns to the shell stands in [errors.md](errors.md), what it reads and writes in "
        "[files.md](files.md).",
        "## Flags of every command",
        flag_table(a for a in first._actions if a.dest in SHARED),
        "The workspace is the folder that holds `raw/`, `plans/`, `cache/` and `runs/`: `-w`, else the environment "
        "variable `PEDSEG_WORKSPACE`, else `./pedseg_workspace`.",
    ]
    for name, parser in parsers.items():
        own = [a for a in parser._actions if a.dest not in SHARED | {"help"} or a.help in meant_otherwise]
        parts += [f"## `{name}`", str(parser.description), flag_table(own)]
    return "\n\n".join(parts) + "\n"


def parser_of(command: str) -> argparse.ArgumentParser:
    """The argument parser of a command."""
    parser: argparse.ArgumentParser = import_module(f"{command}.__main__").parser()
    return parser


def flag_table(actions: Iterable[argparse.Action]) -> str:
    """One row a flag."""
    return table(("flag", "what it does", "default"), ([_flag(a), _help(a), _default(a)] for a in actions))


def errors_page() -> str:
    """Exit codes, errors and warnings."""
    parts = [
        f"{MADE}\n# Exit codes, errors and warnings",
        "A refusal is one line on stderr: what was wanted, what came, what to do. It starts with a code that never "
        "changes its meaning. `--debug` adds the traceback.",
        "## Exit codes",
        exit_table(),
        "## Errors",
        table(("code", "exit", "meaning"), ([f"`{c}`", str(_class(n).exit_code.value), t] for c, (n, t) in _rows())),
        "## Warnings",
        "A warning does not stop a command. Those about an exam travel with it into `prediction.json`.",
        table(("code", "meaning"), ([f"`{c}`", WARNINGS[c]] for c in sorted(WARNINGS, key=_number))),
    ]
    return "\n\n".join(parts) + "\n"


def exit_table() -> str:
    """What each exit code means."""
    meaning = {c.exit_code: str(c.__doc__) for c in PedsegError.__subclasses__()} | OTHER_CODES
    return table(("exit code", "meaning"), ([str(code.value), meaning[code]] for code in ExitCode))


def domains_page() -> str:
    """The built-in domains."""
    parts = [
        f"{MADE}\n# Domains",
        "A domain is one region of the body with its own labels. Label 0 is background; the others count from 1 in "
        "the order of the domain file. How to write your own: [add a domain](../how-to/add-a-domain.md).",
    ]
    for domain in load_domains(builtin_names()):
        parts += [f"## {domain.title} (`{domain.name}`)", _body_parts(domain), structure_table(domain)]
    return "\n\n".join(parts) + "\n"


def structure_table(domain: Domain) -> str:
    """Labels of one domain."""
    numbered = enumerate(domain.structures, start=1)
    rows = ([str(label), f"`{s.name}`", s.title, f"`{s.color}`", s.snomed] for label, s in numbered)
    return table(("label", "name", "structure", "colour", "SNOMED CT"), rows)


def networks_page() -> str:
    """The networks with their parameters, counted and published."""
    parts = [
        f"{MADE}\n# Networks",
        "What `--network` names, in the layouts of the papers. Parameters in millions: counted here for one joint "
        "(ankle) and, with `--scheme dsl`, for ankle, knee and shoulder in one network; beside it how much of that one "
        "is each joint's own (norms and heads; B says at most 3.0 %); then what the papers say. Where a preset names "
        "no decoder, a network's first row is meant.",
        table(
            ("network", "decoder", "encoder", "one joint", "three, `dsl`", "joints' own", "published"),
            (_network_row(*key) for key in sorted(PUBLISHED, key=_first_rows_first)),
        ),
        "Beside them, parts of the objectives:",
        table(("part", "parameters", "published"), _part_rows()),
        "ImageNet weights are the public files; `--encoder-weights imagenet` fetches them once when training starts, "
        "into torch's cache. Without a network, copy the file there, give it as `--encoder-weights FILE`, or take "
        "`none`.",
        table(("network", "file", "from"), ([f"`{n}`", f"`{f.name}`", f.url] for n, f in PUBLIC_FILES.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _first_rows_first(key: tuple[str, str]) -> tuple[int, bool]:
    return list(DECODERS).index(key[0]), DECODERS[key[0]] != key[1]


def _network_row(name: str, decoder: str) -> list[str]:
    spec = NetworkSpec(name=name, decoder=decoder)
    with torch.device("meta"):
        one, three = NETWORKS[name](spec, JOINTS[0].n_classes), build_network(spec, JOINTS)
    own = sum(count(m) for m in three.modules() if isinstance(m, (DomainBatchNorm2d, DomainHeads)))
    encoder = "ImageNet" if spec.has_imagenet_encoder else "own"
    counts = [f"{count(one):.2f}", f"{count(three):.2f}", f"{own / count(three):.1%}"]
    return [f"`{name}`", f"`{decoder}`", encoder, *counts, PUBLISHED[name, decoder]]


def _part_rows() -> Iterator[list[str]]:
    with torch.device("meta"):
        double = build_autoencoder(AutoencoderSpec(kind="double"), JOINTS)
        single = build_autoencoder(AutoencoderSpec(kind="single", scheme="individual"), JOINTS[:1])
        judge = mask_discriminator(JOINTS[0].n_classes)
    yield ["auto-encoder of all joints (`mjap`)", f"{count(double):.2f}", "7.9 (B table 1)"]
    yield ["auto-encoder of one joint (`shape`, `spar`)", f"{count(single):.2f}", "3.1 (D section 3.3)"]
    yield ["discriminator of masks (`adv`)", f"{count(judge):.2f}", "0.7 (D section 3.3)"]


def count(module: torch.nn.Module) -> float:
    """Parameters in millions."""
    return sum(p.numel() for p in module.parameters()) / 1e6


def with_exit_codes(text: str) -> str:
    """README.md with the exit codes as they are."""
    start, end = "<!-- exit codes -->", "<!-- end of exit codes -->"
    return re.sub(f"{start}.*{end}", lambda _: f"{start}\n{exit_table()}\n{end}", text, flags=re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(_lines(head, rows))


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _flag(action: argparse.Action) -> str:
    value = _value(action)
    names = ", ".join(action.option_strings)
    return f"`{' '.join(filter(None, [names, value]))}`"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    one = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else _metavar(action)
    return f"{one} ..." if action.nargs == "+" else one


def _metavar(action: argparse.Action) -> str:
    return action.metavar if isinstance(action.metavar, str) else action.dest.upper()


def _help(action: argparse.Action) -> str:
    if action.dest == "version":
        return "show the version and stop"
    return str(action.help).replace("<", "&lt;")


def _default(action: argparse.Action) -> str:
    if action.dest == "jobs":
        return "number of processors"
    if action.required or not action.option_strings:
        return "required"
    if action.nargs == 0 or action.default in (None, "", argparse.SUPPRESS):
        return ""
    value = action.default
    return f"`{' '.join(map(str, value)) if isinstance(value, list) else value}`"


def _rows() -> list[tuple[str, tuple[str, str]]]:
    return sorted(ERRORS.items(), key=lambda row: (_class(row[1][0]).exit_code, _number(row[0])))


def _class(name: str) -> type[PedsegError]:
    found: type[PedsegError] = getattr(pedseg.errors, name)
    return found


def _number(code: str) -> int:
    return int(code[4:])


def _body_parts(domain: Domain) -> str:
    named = ", ".join(domain.body_part)
    return f"Recognised in DICOM by Body Part Examined {named}." if named else "Named with `-d`."


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
