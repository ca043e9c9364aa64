"""The house rules, as far as a machine can hold them."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pedseg.errors
from pedseg.errors import ERRORS, WARNINGS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = tuple(sorted(path for folder in ROOT.glob("pedseg*") for path in folder.rglob("*.py")))
COMMANDS = tuple(sorted(path.parent.name for path in ROOT.glob("pedseg_*/__main__.py")))
CODE = re.compile(r"PS-[AW]\d+")
PICKLES = ("pickle", "dill", "marshal", "shelve")
HEAVY = ("torch", "monai", "ignite", "numpy")

# Functions whose options may stand in a place, each with its reason.
OPTION_IN_PLACE = {
    "pedseg/cli.py:run": "the command line comes last, as in every main()",
    "pedseg/networks/selected.py:load_state_dict": "torch's signature",
    "pedseg/phantoms/growth.py:shaped": "a solid, drawn with a generator, by so much, about a point",
    "pedseg/volumes/postprocess.py:postprocess": "the probabilities go with their labels",
    "pedseg_phantom/__init__.py:pedseg_phantom": "the command's main flags: -d -n -o",
    "pedseg_predict/job.py:pedseg_predict": "the command's main flags: -i -o -w",
}

# Modules that are parts of one thing, and the test that shows the thing.
PARTS = {
    "tests/domains/test_load_domains.py": ("load",),
    "tests/pedseg_evaluate/test_job.py": ("exam", "options", "outcome", "output"),
    "tests/pedseg_plan/test_job.py": ("options",),
    "tests/pedseg_preprocess/test_preprocess.py": ("exam", "job"),
    "tests/plan/test_spec.py": ("values",),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstring(node: ast.AST) -> ast.Constant | None:
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
        return None
    value = body[0].value
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    text = docstring(node)
    first = text.end_lineno + 1 if text and text.end_lineno else node.body[0].lineno
    return max(0, (node.end_lineno or first) - first + 1)


def strings_in_code(path: Path) -> Iterator[str]:
    """String constants that are not docstrings."""
    tree = tree_of(path)
    texts = {id(found) for node in ast.walk(tree) if (found := docstring(node))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.value


def project_files() -> list[Path]:
    """Files that are, or are about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_imports_keep_their_direction() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_is_a_package_with_an_entry_point() -> None:
    found = importlib.import_module("configparser").ConfigParser(interpolation=None)
    found.read(ROOT / "setup.cfg")
    scripts = found["options.entry_points"]["console_scripts"].split()
    assert scripts == [word for name in scripts[::3] for word in (name, "=", f"{name}.__main__:main")]
    assert sorted(scripts[::3]) == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_within_half_a_second(command: str) -> None:
    """Best of several runs, since another program may hold the processor; the clock stands around a whole process."""
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
        if seconds[-1] < 0.5:
            return
    pytest.fail(f"{command} --help took {min(seconds):.2f} s")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_no_numerical_library(command: str) -> None:
    code = (
        "import json, runpy, sys\n"
        f"sys.argv = [{command!r}, '--help']\n"
        f"try: runpy.run_module({command!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        f"print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_files_are_at_most_300_lines() -> None:
    long = {name_of(path): n for path in SOURCES if (n := len(path.read_text("utf-8").splitlines())) > 300}
    assert long == {}


def test_function_bodies_are_at_most_50_lines_and_mostly_short() -> None:
    bodies = {f"{name_of(path)}:{node.name}": body_lines(node) for path in SOURCES for node in functions(path)}
    assert {name: n for name, n in bodies.items() if n > 50} == {}
    assert sorted(bodies.values())[len(bodies) // 2] <= 12


def test_functions_take_at_most_six_arguments_and_name_their_options() -> None:
    """An argument with a default that stands after the second place is keyword-only."""
    many, unnamed = [], []
    for path in SOURCES:
        for node in functions(path):
            places = [*node.args.posonlyargs, *node.args.args]
            places = places[places[:1] != [] and places[0].arg in {"self", "cls"} :]
            where = f"{name_of(path)}:{node.name}"
            if len(places) + len(node.args.kwonlyargs) > 6:
                many.append(where)
            if node.args.defaults and len(places) > 2 and not node.name.startswith("_"):
                unnamed.append(where)
    assert many == []
    assert sorted(unnamed) == sorted(OPTION_IN_PLACE)


def test_every_code_in_the_text_has_its_row() -> None:
    known = {*ERRORS, *WARNINGS}
    files = [*SOURCES, *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    found = {(name_of(path), code) for path in files for code in CODE.findall(path.read_text("utf-8"))}
    assert {(name, code) for name, code in found if code not in known} == set()


def test_every_row_is_raised_somewhere() -> None:
    texts = [text for path in SOURCES if path != ROOT / "pedseg/errors.py" for text in strings_in_code(path)]
    assert {*ERRORS, *WARNINGS} - {code for text in texts for code in CODE.findall(text)} == set()


def test_errors_are_raised_as_the_class_of_their_row() -> None:
    classes = {name for name, value in vars(pedseg.errors).items() if isinstance(value, type)}
    wrong = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called, code = node.func, node.args[0].value
            if isinstance(called, ast.Name) and called.id in classes and isinstance(code, str) and code in ERRORS:
                wrong += [(name_of(path), node.lineno, code)] if ERRORS[code][0] != called.id else []
    assert wrong == []


def risks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            yield node.lineno, f"from {node.module}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in PICKLES and node.attr != "UnpicklingError":
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call):
            yield from risky_call(node)


def risky_call(node: ast.Call) -> Iterator[tuple[int, str]]:
    called = ast.unparse(node.func)
    keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
    if called in {"eval", "exec", "compile", "yaml.load", "os.system", "os.popen"} or called.endswith(".extractall"):
        yield node.lineno, called
    if called == "torch.load" and keywords.get("weights_only") != "True":
        yield node.lineno, "torch.load without weights_only=True"
    for word, value in (("shell", "True"), ("allow_pickle", "True"), ("weights_only", "False")):
        if keywords.get(word) == value:
            yield node.lineno, f"{word}={value}"


def test_no_code_runs_what_it_reads() -> None:
    found = [(name_of(path), *risk) for path in SOURCES for risk in risks(tree_of(path))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["pickle.loads(b'')", "from pickle import loads", "eval('1')", "torch.load(f)", "torch.load(f, weights_only=False)",
     "subprocess.run('ls', shell=True)", "numpy.load(f, allow_pickle=True)", "yaml.load(f)", "archive.extractall()"],
)  # fmt: skip
def test_a_risky_line_is_seen(line: str) -> None:
    assert list(risks(ast.parse(line)))


def test_every_module_has_its_test() -> None:
    """`pedseg/a/b.py` has `tests/a/test_b.py`, `pedseg_a/b.py` has `tests/pedseg_a/test_b.py`, or it is a part."""
    modules = [path for path in SOURCES if path.stem not in {"__init__", "__main__"}]
    assert [name_of(path) for path in modules if not any(test.is_file() for test in shown_by(path))] == []


def shown_by(module: Path) -> Iterator[Path]:
    inside = module.parent.relative_to(ROOT / "pedseg" if module.is_relative_to(ROOT / "pedseg") else ROOT)
    folder = ROOT / "tests" / inside
    yield folder / f"test_{module.stem}.py"
    yield from (ROOT / test for test, parts in PARTS.items() if (ROOT / test).parent == folder and module.stem in parts)


def test_bundles_are_wiring_only() -> None:
    configs = sorted(ROOT.glob("bundles/*/configs/*.yaml"))
    assert configs
    for path in configs:
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 60, path.name
        assert "lambda" not in text, path.name
    assert list(ROOT.glob("bundles/**/*.py")) == []


def test_nothing_names_a_machine() -> None:
    """A path or an index of one computer works nowhere else."""
    path_of_a_machine = re.compile(r"(?<![\w.~}/-])/" + r"(?:work|home|root|Users|opt|mnt)/\w")
    index = re.compile("(?:extra-)?" + r"index-url|find-links")
    found = []
    for path in project_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [(name_of(path), hit.group()) for hit in path_of_a_machine.finditer(text)]
        if path.suffix not in {".md", ".py"}:
            found += [(name_of(path), hit.group()) for hit in index.finditer(text)]
    assert found == []


def test_no_file_is_left_half_done() -> None:
    mark = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
    assert [name_of(path) for path in SOURCES if mark.search(path.read_text("utf-8"))] == []


def test_no_user_input_is_checked_by_assert() -> None:
    """`python -O` drops asserts; a refusal must stay."""
    assert [name_of(path) for path in SOURCES for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)] == []
