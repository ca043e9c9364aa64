"""Rows 96 to 103 of the fault catalogue: configuration, bundles and models. An id is a row's number."""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from tiny import copied, make_exam, reseal

from pedseg.domains import load_domains
from pedseg.errors import ModelError, PedsegError, UsageError
from pedseg.inference.checkpoint import load_model, load_network
from pedseg.networks.state_dicts import read_tensors
from pedseg.plan import DomainPlan, ObjectiveSpec, Plan, load_plan, save_plan
from pedseg.storage.cases import find_cases
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import PlanFiles, checked_name
from pedseg_plan.__main__ import main as plan_main
from pedseg_predict.__main__ import main as predict_main

ROOT = Path(__file__).resolve().parents[2]
RISKS = re.compile(
    r"weights_only\s*=\s*False|\bpickle\.loads?\(|allow_pickle\s*=\s*True|(?<![\w.])eval\(|(?<![\w.])exec\(|yaml\.load\("
    r"|pydoc\.locate|shell\s*=\s*True|\.extractall\(|os\.system\(|\bmarshal\.loads?\("
)
"""What runs what it reads, in any code of the product."""
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


@dataclass(frozen=True)
class Place:
    """Where a row is tried.

    Args:
        path: an empty folder.
        trained: a run with fold_0, not to be changed.
    """

    path: Path
    trained: Path

    def run(self) -> Path:
        """A copy of the run that may be changed."""
        return copied(self.trained, self.path)

    def fold(self) -> Path:
        """Its fold."""
        return self.run() / "fold_0"


Row = Callable[[Place], None]


class Calls:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.path,)


def plan_of(*names: str) -> Plan:
    parts = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=1.0) for d in load_domains(names))
    return Plan(domains=parts, objective=ObjectiveSpec(name="ce"))


def refused(work: Callable[[], object], code: str, exit_code: int, says: str) -> None:
    with pytest.raises(PedsegError, match=says) as error:
        work()
    assert (error.value.code, int(error.value.exit_code)) == (code, exit_code), str(error.value)
    assert "\n" not in str(error.value)


def edited_plan(place: Place) -> None:
    """File, line and nearest key, in the plan and in the file of a domain."""
    save_plan(plan_of("ankle", "knee"), PlanFiles(place.path))
    for name, old, new, says in (
        ("plan.json", '"epochs": 6', '"epoch": 6', r"plan\.json:\d+: schedule\.epoch: no such key; .* 'epochs'\?"),
        ("plan.json", '"epochs": 6', '"epochs": "x"', r"plan\.json:\d+: schedule\.epochs: Input should be a valid"),
        ("plan.json", '"epochs": 6', '"epochs": 6 6', r"plan\.json:\d+ is not JSON \(Expecting ',' delimiter"),
        ("knee.json", '"plane"', '"plan"', r"knee\.json:\d+: plan: no such key; did you mean 'plane'\?"),
        ("knee.json", '"spacing_mm": 1.0', '"spacing_mm": -1', r"knee\.json:\d+: spacing_mm: .* greater than 0"),
    ):
        path = place.path / name
        text = path.read_text("utf-8")
        assert text.count(old) == 1, (old, text)
        path.write_text(text.replace(old, new), "utf-8")
        line = text[: text.index(old)].count("\n") + 1
        refused(lambda: load_plan(place.path), "PS-A96", 2, says.replace(r"\d+", str(line)))
        path.write_text(text, "utf-8")
    assert load_plan(place.path) == plan_of("ankle", "knee")


def edited_domain(place: Place) -> None:
    structure = '  - {name: soleus, color: "#aa0000"}\n'
    for text, says in (
        ("name: calf\nstructures:\n" + structure.replace("r:", "ur:"), r":3: structures\.0\.colour: .*'color'\?"),
        ("name: calf\nstructure:\n" + structure, r":3: structure: no such key; did you mean 'structures'\?"),
        ("name: calf\n", r": structures: Field required"),
        ("name: calf\nnames: x\nstructures:\n" + structure, r":2: names: no such key; did you mean 'name'\?"),
        ("name: [calf\nstructures:\n" + structure, r":\d is not YAML: "),
        ("name: calf\nname: thigh\nstructures:\n" + structure, r":2 is not YAML: key 'name' stands twice"),
    ):
        (place.path / "domain.yaml").write_text(text, "utf-8")
        refused(lambda: load_domains([place.path]), "PS-A96", 2, rf"domain\.yaml{says}")
        assert plan_main(["-d", f"calf={place.path}", "-w", str(place.path / "w")]) == 2


def other_bytes(place: Place) -> None:
    """UTF-16, Latin-1, nothing at all, a folder, absurd numbers: each refused in one line; a mark of UTF-8 is fine."""
    plan = plan_of("ankle")
    save_plan(plan, PlanFiles(place.path))
    good = (place.path / "plan.json").read_text("utf-8")
    for data in (
        good.encode("utf-16"), good.replace("default", "défaut").encode("latin-1"), b"", b"\x00" * 99, b"null", b"3",
        b"[" * 9999, b'{"a":' * 9999,
        good.replace('"seed": 0', '"seed": ' + "9" * 9999).encode(),
        good.replace('"seed": 0', '"seed": 1e999').encode(), good.replace('"seed": 0', '"seed": NaN').encode(),
        good.replace('"seed": 0', '"seed": 0, "seed": 1').encode(),
        good.replace('"why": {', '"why": {"x": "\\udfff",').encode(),
    ):  # fmt: skip
        (place.path / "plan.json").write_bytes(data)
        refused(lambda: load_plan(place.path), "PS-A96", 2, "plan.json")
    (place.path / "plan.json").write_bytes(b"\xef\xbb\xbf" + good.encode())
    assert load_plan(place.path) == plan
    (place.path / "plan.json").unlink()
    (place.path / "plan.json").mkdir()
    refused(lambda: load_plan(place.path), "PS-A125", 2, "is a folder, a file was wanted: run pedseg_plan first")


def other_bytes_of_a_case(place: Place) -> None:
    folder = place.path / "a"
    folder.mkdir()
    (folder / "image.nii.gz").touch()
    twice = b'{"side": "left", "side": ""}'
    for data in (b"", b"\xff\xfe{\x00}\x00", b"{" * 9999, b'{"echo": 1e400}', twice, b'{"patint": 1}'):
        (folder / "case.json").write_bytes(data)
        refused(lambda: find_cases(place.path), "PS-A96", 2, r"a/case\.json")


@contextmanager
def memory_of(n_bytes: int) -> Iterator[None]:
    """Let the process have so much more address space."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def yaml_bombs(place: Place) -> None:
    """Tags run nothing, aliases and depth end at once, a large file is not parsed."""
    canary = place.path / "canary"
    laughs = "\n".join(["a0: &a0 x", *(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(30))])
    for text, says in (
        (f"!!python/object/apply:os.system ['touch {canary}']", "could not determine a constructor"),
        (f"name: !!python/object/new:pathlib.Path ['{canary}']", "could not determine a constructor"),
        (f"name: !!python/name:os.system {canary}", "could not determine a constructor"),
        (laughs, "aliases are not read"),
        ("a: &a [*a]", "aliases are not read"),
        ("[" * 200_000, "nested more than 20 deep"),
        ("# x\n" * (1 << 18) + "#", "larger than 1 MiB"),
    ):
        (place.path / "domain.yaml").write_text(text, "utf-8")
        start = time.process_time()
        with memory_of(1 << 30):
            refused(lambda: load_domains([place.path]), "PS-A96", 2, says)
        assert time.process_time() - start < 10
    assert not canary.exists()


def pickles(place: Place) -> None:
    """In torch's zip, in its format before, in a plain pickle and beside the tensors of a real file: nothing runs."""
    fold, canary = place.fold(), place.path / "canary"
    plan, path = load_model(fold).plan, fold / "models/model.pt"
    weights = torch.load(path, weights_only=True)
    for legacy in (False, True):
        for value in ({"weight": Calls(canary)}, {**weights, "more": Calls(canary)}, Calls(canary)):
            torch.save(value, path, _use_new_zipfile_serialization=not legacy)
            reseal(fold)
            refused(lambda: load_network(fold, plan, "knee"), "PS-A98", 5, r"more than tensors and plain values \(")
    path.write_bytes(pickle.dumps(Calls(canary)))
    refused(lambda: read_tensors(path), "PS-A98", 5, "it is refused")
    assert not canary.exists()


def a_pickle_that_asks_for_memory(place: Place) -> None:
    """`weights_only` lets `bytearray(8 GiB)` through: it is refused before torch sees it."""

    class Asks:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[int]]:
            return bytearray, (1 << 33,)

    torch.save({"a": Asks()}, place.path / "a.pt")
    with memory_of(2 << 30):
        refused(lambda: read_tensors(place.path / "a.pt"), "PS-A98", 5, r"\(\w+ bytearray\)")


def the_repository(_place: Place) -> None:
    """No line of the product runs what it reads; the pattern sees each of the ways."""
    folders = [top for name in ("pedseg*", "benchmarks", "bundles", "docs") for top in ROOT.glob(name)]
    sources = {p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for top in folders for p in top.rglob("*.py")}
    assert len(sources) > 150
    assert [(name, hit.group()) for name, text in sources.items() for hit in RISKS.finditer(text)] == []
    loading = re.compile(r"torch\.(hub\.)?load\w*\(")
    loads = [line for text in sources.values() for line in text.splitlines() if loading.search(line)]
    assert loads
    assert all("weights_only=True" in line or line.rstrip().endswith("(") for line in loads), loads
    for line in (
        "torch.load(f, weights_only=False)", "pickle.load(f)", "np.load(f, allow_pickle=True)", "eval(x)", "exec(x)",
        "yaml.load(f)", "pydoc.locate(n)", "run(c, shell=True)", "z.extractall(p)", "os.system(c)",
    ):  # fmt: skip
        assert RISKS.search(line), line


NAMES = ("../x", "a/b", "a\\b", "/etc", "..", "", ".hidden", "-x", "a b", "x" * 65, "a\n", "a\x00", "é", "a:b", "~")


def names(place: Place) -> None:
    """Of cases, domains, structures, plans and runs."""
    for name in NAMES:
        refused(lambda name=name: checked_name(name), "PS-A99", 2, "is not allowed")
        values = {"name": name, "structures": [{"name": "a", "color": "#aa0000"}]}
        for spoilt in (values, {"name": "calf", "structures": [{"name": name, "color": "#aa0000"}]}):
            (place.path / "domain.yaml").write_text(json.dumps(spoilt), "utf-8")
            refused(lambda: load_domains([place.path]), "PS-A96", 2, r"domain\.yaml")
    for name in ("exam 1", "é", "-x", "x" * 65):
        folder = place.path / name / name
        folder.mkdir(parents=True)
        (folder / "image.nii.gz").touch()
        refused(lambda folder=folder: find_cases(folder.parent), "PS-A99", 2, "case name")
    save_plan(plan_of("ankle"), PlanFiles(place.path))
    values = json.loads((place.path / "plan.json").read_text("utf-8"))
    for name in ("../ankle", "/ankle", "ankle/../ankle"):
        (place.path / "plan.json").write_text(json.dumps({**values, "domains": [name]}), "utf-8")
        refused(lambda: load_plan(place.path), "PS-A99", 2, "is not allowed")
    assert plan_main(["-d", "ankle", "-p", "../p", "-w", str(place.path / "w")]) == 2


def unknown_domain(place: Place) -> None:
    refused(lambda: load_domains(["knie"]), "PS-A100", 2, r"'knie'; did you mean 'knee'\? known: ankle, knee")
    assert plan_main(["-d", "hip", "-w", str(place.path)]) == 2
    fold = place.fold()
    plan = load_model(fold).plan
    refused(lambda: load_network(fold, plan, "hip"), "PS-A124", 5, "knows ankle, knee, shoulder, not 'hip': choose one")


def exam_in(path: Path) -> Path:
    image, _ = make_exam(load_domains(["knee"])[0], 700, slices=12)
    write_nifti(image, path / "exam.nii.gz")
    return path / "exam.nii.gz"


def predict(place: Place, fold: Path, out: str = "out") -> int:
    where = ["-i", str(exam_in(place.path)), "-o", str(place.path / out), "-m", str(fold)]
    return predict_main([*where, "-d", "knee", "--device", "cpu"])


def configs_that_execute(place: Place) -> None:
    """All YAML and JSON of a fold asks to run code, resealed: prediction reads its own and runs none."""
    fold, canary = place.fold(), place.path / "canary"
    assert predict(place, fold, "before") == 0
    code = f"$__import__('pathlib').Path({str(canary)!r}).touch()"
    called = {"_target_": "os.system", "command": f"touch {canary}"}
    trap = {"imports": [code], "x": called, "initialize": [code], "run": [code]}
    changed = 0
    for path in sorted((fold / "configs").iterdir()):
        if path.suffix == ".yaml":
            path.write_text(json.dumps(trap), "utf-8")
        elif path.suffix == ".json" and path.name not in {"plan.json", "fold.json"}:
            path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **trap}), "utf-8")
        else:
            continue
        changed += 1
    assert changed >= 3
    values = json.loads((fold / "configs/plan.json").read_text("utf-8"))
    values["why"] = {"network": code, "_target_": "os.system", "$import os": code}
    (fold / "configs/plan.json").write_text(json.dumps(values), "utf-8")
    reseal(fold)
    assert predict(place, fold, "after") == 0
    before, after = (nib.load(place.path / out / "labels.nii.gz") for out in ("before", "after"))
    assert np.array_equal(np.asarray(before.dataobj), np.asarray(after.dataobj))
    assert not canary.exists()


def plans_that_execute(place: Place) -> None:
    """A class or an expression in a plan is a wrong value, never looked up."""
    canary = place.path / "canary"
    save_plan(plan_of("ankle"), PlanFiles(place.path))
    values = json.loads((place.path / "plan.json").read_text("utf-8"))
    code = f"$open({str(canary)!r}, 'w')"
    for change in (
        {"network": {"_target_": "os.system", "command": "true"}},
        {"network": {**values["network"], "name": "os.system"}},
        {"network": {**values["network"], "name": code}},
        {"schedule": {**values["schedule"], "learning_rate": code}},
        {"_target_": "builtins.exec"},
    ):
        (place.path / "plan.json").write_text(json.dumps({**values, **change}), "utf-8")
        refused(lambda: load_plan(place.path), "PS-A96", 2, "plan.json")
    text = f'name: "{code}"\nstructures:\n  - {{name: a, color: "#aa0000"}}\n'
    (place.path / "domain.yaml").write_text(text, "utf-8")
    refused(lambda: load_domains([place.path]), "PS-A96", 2, r"domain\.yaml:1: name")
    assert not canary.exists()


def change_plan(fold: Path, change: Callable[[dict[str, Any]], None], *, sealed: bool, named: bool) -> None:
    path = fold / "configs/plan.json"
    values = json.loads(path.read_text("utf-8"))
    change(values)
    path.write_text(json.dumps(values), "utf-8")
    if sealed:
        reseal(fold, plan=load_plan(path).digest if named else None)


def fewer_labels(values: dict[str, Any]) -> None:
    values["domains"][1]["domain"]["structures"].pop()


def wider(values: dict[str, Any]) -> None:
    values["network"]["channels"] = [2 * n for n in values["network"]["channels"]]


def other_spacing(values: dict[str, Any]) -> None:
    values["domains"][1]["spacing_mm"] *= 2


def other_expectations(place: Place) -> None:
    """Labels, channels, spacing: a plan that `run.json` does not vouch for, one of another digest, other weights."""
    for n, change in enumerate((fewer_labels, wider, other_spacing)):
        (place.path / str(n)).mkdir()
        fold = copied(place.trained, place.path / str(n)) / "fold_0"
        change_plan(fold, change, sealed=False, named=False)
        refused(lambda fold=fold: load_model(fold), "PS-A86", 5, r"plan\.json is missing or not the file run\.json")
        reseal(fold)
        refused(lambda fold=fold: load_model(fold), "PS-A87", 5, r"run\.json and .*plan\.json differ")
        if change is not other_spacing:  # weights say nothing of millimetres: the digests above do
            reseal(fold, plan=load_plan(fold / "configs/plan.json").digest)
            plan = load_model(fold).plan
            refused(lambda fold=fold, p=plan: load_network(fold, p, "knee"), "PS-A102", 5, "weights of this plan's")
            assert predict(place, fold) == 5


def spoilt(place: Place, change: Callable[[dict[str, Any]], None], code: str, says: str) -> None:
    """Weights that `run.json` vouches for and that cannot be the network's, within 2 GiB."""
    copy = place.path / place.trained.name / "fold_0"
    fold = copy if copy.is_dir() else place.fold()
    plan, path = load_plan(fold / "configs/plan.json"), fold / "models/model.pt"
    good = path.read_bytes()
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    reseal(fold)
    with memory_of(2 << 30):
        refused(lambda: load_network(fold, plan, "ankle"), code, 5, says)
    path.write_bytes(good)
    reseal(fold)


def first_kernel(state: dict[str, Any]) -> str:
    return next(k for k, v in state.items() if v.dim() == 4)


def set_to(value: Callable[[torch.Tensor], Any]) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        name = first_kernel(state)
        state[name] = value(state[name])

    return change


def filled(number: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor.clone().fill_(number)


def one_more(state: dict[str, Any]) -> None:
    state["more"] = torch.zeros(1)


def swollen(place: Place) -> None:
    """37 GiB of logical tensor in 1.5 kB."""
    torch.save({"a": torch.zeros(1).expand(10**10)}, place.path / "a.pt")
    assert (place.path / "a.pt").stat().st_size < 2000
    with memory_of(2 << 30):
        refused(lambda: read_tensors(place.path / "a.pt"), "PS-A98", 5, r"a\.pt of \d+ bytes claims 37\.3 GiB of ten")
    spoilt(place, set_to(lambda _: torch.zeros(1).expand(10**10)), "PS-A98", r"claims 37\.\d GiB of tensors")


def packed_weights(place: Place) -> None:
    """A checkpoint of deflated members grows a thousandfold."""
    import zipfile

    torch.save({"a": torch.zeros(1 << 20)}, place.path / "a.pt")
    with zipfile.ZipFile(place.path / "a.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(place.path / "b.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert torch.load(place.path / "b.pt", weights_only=True)["a"].numel() == 1 << 20  # torch itself inflates it
    refused(lambda: read_tensors(place.path / "b.pt"), "PS-A98", 5, "compressed members")


def not_the_networks(place: Place) -> None:
    fits = r"weights of this plan's network are needed, got 1 "
    for change, code, says in (
        (set_to(lambda t: t[:1].clone()), "PS-A102", rf"{fits}of another shape"),
        (set_to(lambda t: t.double()), "PS-A102", rf"{fits}of another type"),
        (set_to(lambda t: t.to(torch.int32)), "PS-A102", rf"{fits}of another type"),
        (set_to(lambda t: t.to_sparse()), "PS-A98", "more than tensors and plain values"),
        (set_to(lambda t: t.tolist()), "PS-A102", rf"{fits}of another shape"),
        (lambda state: state.pop(first_kernel(state)), "PS-A102", rf"{fits}missing"),
        (one_more, "PS-A102", rf"{fits}unknown \(more\)"),
        (set_to(filled(torch.nan)), "PS-A86", "not finite"),
        (set_to(filled(-torch.inf)), "PS-A86", "not finite"),
    ):
        spoilt(place, change, code, says)


def every_file_is_sealed(place: Place) -> None:
    """What a prediction opens of a fold, `run.json` aside, is named there: a byte more and it is not parsed."""
    fold = place.fold()
    with opened_under(fold) as seen:
        assert predict(place, fold, "clean") == 0
    files = {name for name in seen if (fold / name).is_file()} - {"run.json"}
    assert {"configs/plan.json", "models/model.pt"} <= files
    assert files <= set(json.loads((fold / "run.json").read_text("utf-8"))["files"])
    for name in sorted(files):
        good = (fold / name).read_bytes()
        (fold / name).write_bytes(b"\x80\x05." + good)  # no JSON, no zip: whoever parses it says something else
        assert predict(place, fold, f"out_{name.replace('/', '_')}") == 5
        refused(lambda: load_network(fold, load_model(fold).plan, "knee"), "PS-A86", 5, "not the file run.json names")
        (fold / name).write_bytes(good)
    assert sorted(p.name for p in place.path.glob("out_*")) == []


@contextmanager
def opened_under(folder: Path) -> Iterator[set[str]]:
    """Names of the files opened in a folder; the hook stays for good, so it is silenced at the end."""
    seen: set[str] = set()
    listening = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if listening[0] and event == "open" and isinstance(arguments[0], str | os.PathLike):
            path = Path(os.fspath(arguments[0]))
            if path.is_relative_to(folder):
                seen.add(path.relative_to(folder).as_posix())

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        listening[0] = False


ROWS: dict[str, Row] = {
    "96": edited_plan,
    "96-domain": edited_domain,
    "96-bytes": other_bytes,
    "96-case": other_bytes_of_a_case,
    "97": yaml_bombs,
    "98": pickles,
    "98-memory": a_pickle_that_asks_for_memory,
    "98-repository": the_repository,
    "99": names,
    "100": unknown_domain,
    "101": configs_that_execute,
    "101-plan": plans_that_execute,
    "102": other_expectations,
    "102-sealed": every_file_is_sealed,
    "103": swollen,
    "103-deflated": packed_weights,
    "103-values": not_the_networks,
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, tmp_path: Path, tiny_run: Path) -> None:
    ROWS[row](Place(tmp_path, tiny_run))


def test_the_classes_of_these_refusals_are_those_of_the_catalogue() -> None:
    assert (int(UsageError.exit_code), int(ModelError.exit_code)) == (2, 5)
