"""What is installed: the wheel holds what the commands need and nothing else."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


@pytest.fixture(scope="module")
def settings(root: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.read(root / "setup.cfg")
    return found


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files alone, so that no earlier build leaks into this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    target = tmp_path_factory.mktemp("checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((root / name).read_bytes())
    return target


def build(checkout: Path, kind: str, folder: Path) -> Path:
    """Build as pip does, without its network: straight through the build back end."""
    order = [sys.executable, "-c", BUILD, kind, folder]
    done = subprocess.run(order, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


def contents(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def expected_files(root: Path) -> set[str]:
    """Every module of the packages, the YAML and templates beside them, and the bundles under `pedseg/bundles`."""
    packages = [path for path in root.glob("pedseg*") if (path / "__init__.py").is_file()]
    modules = {path for folder in packages for path in folder.rglob("*.py")}
    data = {path for folder in packages for path in folder.rglob("*.yaml")}
    data |= {path for folder in packages for path in folder.glob("**/templates/*")}
    bundles = {path for path in (root / "bundles").rglob("*") if path.is_file()}
    inside = {path.relative_to(root).as_posix() for path in modules | data}
    return inside | {f"pedseg/{path.relative_to(root).as_posix()}" for path in bundles}


def test_the_packages_listed_are_those_of_the_tree(root: Path, settings: configparser.ConfigParser) -> None:
    tree = {path.parent.relative_to(root).as_posix().replace("/", ".") for path in root.glob("pedseg*/**/__init__.py")}
    assert sorted(settings["options"]["packages"].split()) == sorted({*tree, "pedseg.bundles"})


def test_the_wheel_holds_the_packages_and_their_data_only(checkout: Path, wheel: Path) -> None:
    names = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert names == expected_files(checkout)
    assert {"pedseg/bundles/multi_joint/LICENSE", "pedseg/bundles/multi_joint/configs/train.yaml"} <= names
    assert {f"pedseg/domains/{name}.yaml" for name in ("ankle", "knee", "shoulder")} <= names


def test_the_wheel_names_its_commands_and_licence(wheel: Path, settings: configparser.ConfigParser) -> None:
    inside = contents(wheel)
    info = next(name for name in inside if name.endswith("/METADATA")).rsplit("/", 1)[0]
    assert f"{info}/licenses/LICENSE" in inside
    scripts = inside[f"{info}/entry_points.txt"].decode()
    for line in settings["options.entry_points"]["console_scripts"].strip().splitlines():
        assert line in scripts


def test_the_sdist_builds_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = build(checkout, "sdist", tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    again = build(tmp_path / sdist.name.removesuffix(".tar.gz"), "wheel", tmp_path)
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


@pytest.mark.slow
def test_an_installed_wheel_runs_every_command_elsewhere(
    root: Path, wheel: Path, tmp_path: Path, settings: configparser.ConfigParser
) -> None:
    """In an environment of its own; the libraries are those of the environment that runs the tests."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    target = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(pip, check=True, cwd=tmp_path)
    # A folder added like this does not have its own .pth files read: no editable install can stand in.
    (target / "libraries.pth").write_text("\n".join(p for p in sys.path if Path(p).name == "site-packages"), "utf-8")
    for line in settings["options.entry_points"]["console_scripts"].strip().splitlines():
        command = tmp_path / "venv" / "bin" / line.split("=")[0].strip()
        shown = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert shown.startswith(f"usage: {command.name}")
    code = "import pedseg, pedseg.bundle as b; print(pedseg.__file__, *b.bundle_template().rglob('*'))"
    told = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told.startswith(str(target))
    assert str(target / "pedseg/bundles/multi_joint/configs/train.yaml") in told
    assert str(root) not in told
