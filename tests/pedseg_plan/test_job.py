from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from pedseg.errors import InputError, OutputError, UsageError
from pedseg.names import NetworkName
from pedseg.partials import partial_of
from pedseg.plan import EncoderWeights, NetworkSpec, load_plan
from pedseg.plan.fingerprint import load_fingerprint
from pedseg.workspace import file_digest
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_plan.__main__ import main

N_STRUCTURES = {"ankle": 3, "knee": 4, "shoulder": 2}


@pytest.fixture
def workspace(tmp_path: Path, write_case) -> Path:
    """Three exams a joint, acquired sagittal, 24 x 20 pixels of 0.5 mm."""
    for domain, n in N_STRUCTURES.items():
        for i in range(3):
            write_case(tmp_path / "raw" / domain / f"c{i}", n)
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_a_plan_is_written_with_facts_and_reasons(workspace: Path):
    plan = pedseg_plan(["ankle", "knee", "shoulder"], workspace)
    folder = workspace / "plans" / "default"
    assert set(files(folder)) == {"ankle.json", "knee.json", "shoulder.json", "plan.json", "fingerprint.json"}
    assert load_plan(folder) == plan
    facts = load_fingerprint(folder / "fingerprint.json")
    assert plan.fingerprint == facts.digest
    knee = plan.domain_plan("knee")
    assert knee.plane == "sagittal"
    assert knee.spacing_mm == 0.0469  # 24 x 0.5 mm over 256 pixels, rounded up
    assert knee.cases == {"c0": "c0", "c1": "c1", "c2": "c2"}
    summary = facts.domains["knee"].summary
    assert (summary.exams, summary.planes, summary.sides) == (3, {"sagittal": 3}, {"unknown": 3})
    assert (summary.fov_mm.max, summary.slices.median, summary.slices_with_bone.median) == (12, 12, 8)
    assert summary.volume_ml["patella"].median == pytest.approx(4 * 6 * 8 * 0.3 / 1000)
    assert (len(plan.folds), plan.share) == (3, 4)
    assert (plan.network.name, plan.encoder_weights.source) == ("efficient_unet", "imagenet")
    decisions = {"network", "objective", "augmentation", "epochs", "batch", "learning_rate", "precision", "folds"}
    assert {"encoder_weights", *decisions} <= set(plan.why)
    assert {"plane", "spacing_mm", "window", "normalisation"} <= set(knee.why)


def test_wishes_go_before_the_preset(workspace: Path):
    wishes = PlanOptions(
        name="mine", preset="demo", network="unet", objective="ssc", epochs=2, batch=8, window=64, precision="float32"
    )
    plan = pedseg_plan(["ankle", "knee"], workspace, options=wishes)
    assert (plan.name, plan.preset) == ("mine", "demo")
    assert (plan.network.name, plan.network.decoder, plan.network.channels[0]) == ("unet", "transposed", 16)
    assert (plan.objective.name, plan.objective.contrastive_weight) == ("ssc", 0.1)
    assert (plan.schedule.epochs, plan.schedule.batch, plan.share) == (2, 8, 4)
    assert {d.window for d in plan.domains} == {64}


@pytest.mark.parametrize("network", get_args(NetworkName))
def test_every_network_is_planned_by_its_name(workspace: Path, network: str):
    arguments = ["-d", "ankle", "knee", "-w", str(workspace), "-j", "1", "--network", network]
    assert main([*arguments, "--encoder-weights", "none"]) == 0
    plan = load_plan(workspace / "plans" / "default")
    assert plan.network == NetworkSpec(name=network)
    assert plan.encoder_weights.source == "none"


def test_a_file_with_encoder_weights_is_part_of_the_plan(workspace: Path):
    path = workspace / "b3.pth"
    path.write_bytes(b"weights")
    plan = pedseg_plan(["ankle"], workspace, options=PlanOptions(encoder_weights=str(path)))
    assert plan.encoder_weights == EncoderWeights(source=str(path), sha256=file_digest(path))
    path.write_bytes(b"others")
    with pytest.raises(OutputError, match="PS-A104: plan 'default' exists and differs in encoder_weights"):
        pedseg_plan(["ankle"], workspace, options=PlanOptions(encoder_weights=str(path)))


def test_the_same_plan_again_changes_no_byte_and_reads_no_exam(workspace: Path):
    pedseg_plan(["ankle"], workspace)
    folder = workspace / "plans" / "default"
    before = files(folder)
    # Same size and time: an exam that is read again would now fail.
    image = workspace / "raw" / "ankle" / "c0" / "image.nii.gz"
    stamp = image.stat()
    image.write_bytes(bytes(stamp.st_size))
    os.utime(image, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    pedseg_plan(["ankle"], workspace)
    assert files(folder) == before


def test_a_touched_exam_is_measured_again(workspace: Path, write_case):
    pedseg_plan(["ankle"], workspace)
    write_case(workspace / "raw" / "ankle" / "c0", 2, absent=("tibia_distal",))
    with pytest.raises(OutputError, match="PS-A104: plan 'default' exists and differs in fingerprint"):
        pedseg_plan(["ankle"], workspace)
    pedseg_plan(["ankle"], workspace, options=PlanOptions(overwrite=True))
    facts = load_fingerprint(workspace / "plans" / "default" / "fingerprint.json")
    assert facts.domains["ankle"].exams["c0"].missing == ("tibia_distal",)
    assert facts.domains["ankle"].exams["c1"].missing == ()


def test_another_plan_is_replaced_only_when_asked(workspace: Path, capsys):
    pedseg_plan(["ankle", "knee"], workspace)
    folder = workspace / "plans" / "default"
    before = files(folder)
    with pytest.raises(OutputError, match="differs in schedule: add --overwrite or choose another -p"):
        pedseg_plan(["ankle", "knee"], workspace, options=PlanOptions(epochs=9))
    assert files(folder) == before
    (workspace / "cache" / "default").mkdir(parents=True)
    assert main(["-d", "ankle", "-w", str(workspace), "--overwrite", "-q"]) == 0
    assert "PS-W125: plan default changed: cache made before" in capsys.readouterr().err
    assert set(files(folder)) == {"ankle.json", "plan.json", "fingerprint.json"}


def test_everything_wrong_stands_in_one_table(workspace: Path, write_case, capsys):
    raw = workspace / "raw"
    write_case(raw / "ankle" / "c0", labels=np.full((24, 20, 12), 9, np.uint8))
    (raw / "knee" / "c1" / "labels.nii.gz").unlink()
    write_case(raw / "shoulder" / "c0", 2, seed=1)
    write_case(raw / "shoulder" / "c1", 2, seed=1)
    write_case(raw / "shoulder" / "c2", 1, absent=("scapula",))
    assert main(["-d", "ankle", "knee", "shoulder", "-w", str(workspace), "-j", "1", "-q"]) == 3
    out = capsys.readouterr()
    assert "PS-A122: 3 of 9 exams do not pass the check" in out.err
    rows = [line.split()[:3] for line in out.err.splitlines()[2:]]
    found = [
        ["ankle", "c0", "PS-A71"],
        ["knee", "c1", "PS-A73"],
        ["shoulder", "c1", "PS-A81"],
        ["shoulder", "c2", "PS-W74"],
    ]
    assert [row for row in found if row not in rows] == []
    assert not (workspace / "plans" / "default" / "plan.json").exists()


def test_faulty_exams_may_be_left_out(workspace: Path):
    (workspace / "raw" / "ankle" / "c1" / "labels.nii.gz").unlink()
    with pytest.raises(InputError, match="PS-A122: 1 of 3 exams does not pass"):
        pedseg_plan(["ankle"], workspace)
    plan = pedseg_plan(["ankle"], workspace, options=PlanOptions(skip_faulty=True))
    assert list(plan.domains[0].cases) == ["c0", "c2"]
    for i in (0, 2):
        (workspace / "raw" / "ankle" / f"c{i}" / "labels.nii.gz").unlink()
    with pytest.raises(InputError, match="PS-A122: no usable exam is left of ankle"):
        pedseg_plan(["ankle"], workspace, options=PlanOptions(skip_faulty=True))


def test_one_exam_plans_with_a_loud_warning(workspace: Path, write_case, capsys):
    folder = workspace / "elsewhere"
    write_case(folder / "only", 1)
    (folder / "domain.yaml").write_text('name: calf\nstructures: [{name: soleus, color: "#aa0000"}]\n')
    assert main(["-d", f"calf={folder}", "-w", str(workspace), "-q"]) == 0
    plan = load_plan(workspace / "plans" / "default")
    assert plan.domains[0].source == "elsewhere"
    assert plan.objective.name == "ce"
    (fold,) = plan.folds
    assert (fold.test["calf"], fold.validation["calf"], fold.train["calf"]) == ((), ("only",), ("only",))
    assert "PS-W89: calf has too few patients to validate on" in capsys.readouterr().err


def test_processes_give_the_same_bytes(workspace: Path):
    pedseg_plan(["ankle", "knee"], workspace, options=PlanOptions(name="one", jobs=1))
    pedseg_plan(["ankle", "knee"], workspace, options=PlanOptions(name="two", jobs=2))
    one, two = (files(workspace / "plans" / name) for name in ("one", "two"))
    assert one["fingerprint.json"] == two["fingerprint.json"]
    assert json.loads(one["plan.json"])["folds"] == json.loads(two["plan.json"])["folds"]


def test_a_damaged_fingerprint_is_measured_again(workspace: Path):
    pedseg_plan(["ankle"], workspace)
    path = workspace / "plans" / "default" / "fingerprint.json"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    pedseg_plan(["ankle"], workspace)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "options",
    [
        PlanOptions(preset="dflt"),
        PlanOptions(network="inception_unet", window=80),
        PlanOptions(objective="spar"),
        PlanOptions(network="att_unet", encoder_weights="some.pth"),
        PlanOptions(scheme="dsl", strategy="individual"),
        PlanOptions(scheme="shared", objective="msc"),
        PlanOptions(batch=3),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_refused_before_an_exam_is_read(
    workspace: Path, options: PlanOptions, monkeypatch: pytest.MonkeyPatch
):
    def read(*_):
        raise AssertionError("exams were read")

    monkeypatch.setattr("pedseg_plan.job.survey", read)
    with pytest.raises(UsageError, match=r"PS-A1(20|29)"):
        pedseg_plan(["ankle", "knee"], workspace, options=options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (PlanOptions(preset="dflt"), "PS-A129: unknown preset 'dflt'; did you mean 'default'"),
        (PlanOptions(window=100), "PS-A120: efficient_unet takes windows .*32, not 100: use 96 or 128"),
        (PlanOptions(window=48), "PS-A120: efficient_unet takes windows .*32, not 48: use 32 or 64"),
        (PlanOptions(network="unet", encoder_weights="imagenet"), "PS-A120: unet has no ImageNet encoder"),
        (PlanOptions(encoder_weights="gone.pth"), "PS-A03: --encoder-weights gone.pth is no file"),
        (PlanOptions(seed=-1), r"PS-A96: options: seed: "),
        (PlanOptions(name="../x"), "PS-A99"),
        (PlanOptions(preset="miccai2021", objective="msc"), "PS-A120"),
    ],
)
def test_wishes_that_cannot_be_meant(workspace: Path, options: PlanOptions, text: str):
    with pytest.raises(UsageError, match=text):
        pedseg_plan(["ankle", "knee"], workspace, options=options)


@pytest.mark.parametrize(
    ("network", "decoder", "figures"),
    [(None, "transposed", (1e-4, 16, 10)), ("att_unet", "transposed", (1e-3, 32, 20))],
)
def test_a_papers_preset_plans_each_network_and_its_prior(workspace: Path, network, decoder, figures):
    options = PlanOptions(preset="combreg", network=network)
    plan = pedseg_plan(["ankle", "knee"], workspace, options=options)
    assert (plan.network.name, plan.network.decoder) == (network or "res_unet", decoder)
    assert (plan.schedule.learning_rate, plan.schedule.batch, plan.schedule.epochs) == figures
    assert (plan.objective.name, plan.prior.learning_rate) == ("shape+adv", 1e-2)
    assert plan.why["prior"].startswith("D section 3.3")


def test_the_decisions_are_printed_with_reasons(workspace: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["-d", "ankle", "knee", "-w", str(workspace), "-j", "1", "--batch", "9"]) == 0
    out = capsys.readouterr().out
    rows = {line[:30].split("  ")[0]: line for line in out.splitlines()}
    assert "9 over 2 domains: 4 slices each, so 8 in a batch" in rows["batch"]
    assert "leave one patient out" in rows["folds"]
    assert "GiB" in rows["training memory"]
    assert "0.0469 mm" in rows["knee spacing"]


def test_flags_that_cannot_be_meant_exit_2(capsys):
    for wrong in (["--window", "100"], ["--epochs", "0"], ["--network", "vnet"]):
        assert main(["-d", "ankle", *wrong]) == 2


def test_help_is_instant():
    """Nothing slow is imported for it; the clock is only asked roughly, since machines are shared."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pedseg_plan", "--help"], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 5
    assert "--skip-faulty" in done.stdout
    code = "import sys, pedseg_plan.__main__; print([m for m in ('numpy', 'pydantic', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_plan_that_a_kill_has_set_aside_is_there(workspace: Path):
    """Edited by hand, and `--overwrite` was killed as it began to give the new files their names."""
    pedseg_plan(["ankle"], workspace)
    folder = workspace / "plans" / "default"
    values = json.loads((folder / "plan.json").read_text("utf-8"))
    (folder / "plan.json").write_text(json.dumps({**values, "epochs": 7}), "utf-8")
    before = files(folder)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    _, machine, drawn = partial_of(folder / "plan.json").name.rpartition(".partial-")[2].split("-")
    (folder / "plan.json").rename(folder / f".plan.json.partial-{dead.pid}-{machine}-{drawn}-old")
    with pytest.raises(OutputError, match=r"PS-A104: plan 'default' exists and "):
        pedseg_plan(["ankle"], workspace)
    assert files(folder) == before
