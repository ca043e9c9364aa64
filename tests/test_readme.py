"""README.md and docs/ say what is so: pages are current, commands parse, examples load, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import types
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from pedseg.domains import Domain
from pedseg.errors import UsageError
from pedseg.names import NetworkName
from pedseg.plan import DomainPlan, Plan
from pedseg.plan.fingerprint import DomainSummary, ExamFacts, Intensity, StructureFacts
from pedseg.storage.cache import Manifest
from pedseg.storage.cases import CaseFile

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = sorted(path.parent.name for path in ROOT.glob("pedseg_*/__main__.py"))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def blocks(path: Path, language: str) -> Iterator[str]:
    """Code blocks of a page, without their indentation."""
    for indent, kind, text in FENCE.findall(path.read_text("utf-8")):
        if kind == language:
            yield "\n".join(line.removeprefix(indent) for line in text.splitlines())


def everywhere(language: str) -> list[tuple[str, str]]:
    return [(path.relative_to(ROOT).as_posix(), text) for path in PAGES for text in blocks(path, language)]


def shell_lines(start: str) -> list[tuple[str, str]]:
    """Commands in the pages that begin with a word."""
    lines = [(page, line.strip()) for page, text in everywhere("sh") for line in text.splitlines()]
    return [(page, line) for page, line in lines if line.split(" ")[0].startswith(start)]


@pytest.fixture(scope="module")
def generate() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(generate: types.ModuleType) -> None:
    stale = [path.name for path, text in generate.pages().items() if path.read_text("utf-8") != text]
    assert stale == [], "run python docs/generate.py"


def test_a_changed_flag_makes_the_page_stale(generate: types.ModuleType) -> None:
    parser = generate.parser_of("pedseg_train")
    before = generate.flag_table(parser._actions)
    parser.add_argument("--new", default=3, help="a flag")
    assert generate.flag_table(parser._actions) == f"{before}\n| `--new NEW` | a flag | `3` |"


def test_every_exit_code_is_in_the_readme(generate: types.ModuleType) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for code in generate.ExitCode:
        assert f"| {code.value} | " in readme


def test_every_command_is_in_the_readme() -> None:
    listed = re.findall(r"^\| `(pedseg_\w+)` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == COMMANDS


def test_there_are_commands_to_check() -> None:
    assert {line.split()[0] for _, line in shell_lines("pedseg_")} == set(COMMANDS)


NETWORK_PARAMETERS = [
    ("unet", "transposed", 7.76, None, 0.01),
    ("att_unet", "upsample", 8.72, 8.7, 0.01),
    ("att_unet", "transposed", 7.85, None, 0.01),
    ("efficient_unet", "upsample", 14.59, 14.81, 0.01),
    ("dense_unet", "upsample", 23.36, 23.60, 0.01),
    ("dense_unet", "transposed", 18.5, None, 0.05),
    ("inception_unet", "upsample", 48.05, 48.17, 0.01),
    ("res_unet", "transposed", 13.57, None, 0.01),
    ("vgg_unet", "transposed", 34.30, None, 0.01),
]
"""METHODS section 3: millions for one joint and for three in one, and how close; 5 % where only a paper counted."""


def table_rows(page: str) -> dict[str, list[str]]:
    """Cells of every row of the page's tables, by those that are code."""
    lines = (ROOT / "docs" / "reference" / page).read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {" ".join(cell.strip("`") for cell in row if cell.startswith("`")): row for row in rows}


@pytest.mark.parametrize(("name", "decoder", "one", "three", "tolerance"), NETWORK_PARAMETERS)
def test_the_networks_page_tells_the_published_sizes(
    name: str, decoder: str, one: float, three: float | None, tolerance: float
) -> None:
    _, _, _, alone, together, own, published = table_rows("networks.md")[f"{name} {decoder}"]
    assert float(alone) == pytest.approx(one, rel=tolerance)
    assert float(together) == pytest.approx(three or one, rel=max(tolerance, 0.0 if three else 0.02))
    assert 0 < float(own.rstrip("%")) <= 3.0
    said = [float(number) for number in published.partition("(")[0].split() if number[0].isdigit()]
    counted = [float(alone), float(together)][: len(said)]
    assert counted == pytest.approx(said, rel=0.05)


def test_the_networks_page_has_every_network() -> None:
    assert {key.split()[0] for key in table_rows("networks.md")} == set(get_args(NetworkName))


@pytest.mark.parametrize(("page", "line"), shell_lines("pedseg_"))
def test_commands_in_the_pages_parse(page: str, line: str, generate: types.ModuleType) -> None:
    words = shlex.split(line, comments=True)
    try:
        generate.parser_of(words[0]).parse_args(words[1:])
    except (SystemExit, UsageError) as error:
        pytest.fail(f"{page}: {line}: {error}")


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {line.split()[1] for _, line in shell_lines("make")}
    assert {"demo", "test", "test-slow", "lint", "bench", "clean"} <= targets
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize(("page", "text"), everywhere("yaml"))
def test_domain_files_in_the_pages_are_valid(page: str, text: str) -> None:
    assert Domain.model_validate(yaml.safe_load(text)).n_classes > 1


@pytest.mark.parametrize(("page", "text"), everywhere("json"))
def test_case_files_in_the_pages_are_valid(page: str, text: str) -> None:
    CaseFile.model_validate(json.loads(text))


@pytest.mark.parametrize(("page", "text"), everywhere("python"))
def test_imports_in_the_pages_work(page: str, text: str) -> None:
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(str(node.module))
        assert all(hasattr(module, name.name) for name in node.names), page


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCE.sub("", path.read_text("utf-8"))
    local = [target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        todo += [(page.parent / t).resolve() for t in LINK.findall(page.read_text("utf-8")) if "://" not in t]
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize(
    "model", [Plan, DomainPlan, Manifest, CaseFile, ExamFacts, StructureFacts, Intensity, DomainSummary]
)  # fmt: skip
def test_every_field_of_a_file_is_described(model: type[Plan]) -> None:
    text = (ROOT / "docs" / "reference" / "files.md").read_text("utf-8")
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in names if not re.search(rf"`[^`\n]*\b{name}\b", text)] == []


def test_architecture_page_shows_the_layers_that_are_checked() -> None:
    import configparser

    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg")
    layers = settings["importlinter:contract:layers"]["layers"].replace("pedseg.", "").strip()
    assert f"```\n{layers}\n```" in (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
