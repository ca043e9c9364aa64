"""A fold folder as a MONAI bundle: what is in it, and that MONAI agrees."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from monai.bundle import ckpt_export, verify_metadata, verify_net_in_out
from monai.bundle.workflows import ConfigWorkflow
from tiny import JOINTS, copied

from pedseg.bundle import bundle_template, check_fold, finish_fold, is_finished, load_recipe, make_fold
from pedseg.bundle.export import bundle_metadata, data_format
from pedseg.domains import load_domains
from pedseg.errors import ModelError, TrainingError
from pedseg.inference import load_model
from pedseg.inference.checkpoint import load_network
from pedseg.plan import load_plan

CLASSES = {"ankle": 4, "knee": 5, "shoulder": 3}


@pytest.fixture(scope="module")
def fold(tiny_run: Path) -> Path:
    return tiny_run / "fold_0"


@pytest.fixture(autouse=True)
def _quiet_root() -> Iterator[None]:
    """MONAI's bundle commands set up logging for the whole process."""
    kept = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = kept


def of(fold: Path, config: str = "inference") -> dict[str, str]:
    return {
        "config_file": str(fold / f"configs/{config}.yaml"),
        "meta_file": str(fold / "configs/metadata.json"),
        "bundle_root": str(fold),
    }


def test_a_finished_fold_is_complete_and_every_file_is_vouched_for(fold: Path) -> None:
    manifest = json.loads((fold / "run.json").read_text("utf-8"))
    for name in ("inference.yaml", "train.yaml", "metadata.json", "logging.conf", "plan.json", "fold.json"):
        assert f"configs/{name}" in manifest["files"]
    assert {"LICENSE", "log.csv", "models/model.pt", "progress.png"} <= set(manifest["files"])
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((fold / name).read_bytes()).hexdigest() == digest, name
    plan = load_plan(fold / "configs/plan.json")
    assert (manifest["plan"], manifest["fold"], manifest["epochs"]) == (plan.digest, "0", 4)
    assert load_recipe(fold).fold == plan.folds[0]
    template = bundle_template()
    for source in (p for p in template.rglob("*") if p.is_file() and p.name != "metadata.json"):
        assert (fold / source.relative_to(template)).read_bytes() == source.read_bytes()


def test_a_fold_is_finished_when_plan_exams_and_every_file_are_those_of_its_manifest(
    tiny_run: Path, tmp_path: Path
) -> None:
    fold = copied(tiny_run, tmp_path) / "fold_0"
    plan = load_plan(fold / "configs/plan.json")
    exams = plan.folds[0]
    assert is_finished(fold, plan, exams)
    assert not is_finished(fold, plan, plan.folds[1])
    longer = plan.schedule.model_copy(update={"epochs": 9})
    assert not is_finished(fold, plan.model_copy(update={"schedule": longer}), exams)
    assert not is_finished(tmp_path, plan, exams)
    log = (fold / "log.csv").read_text("utf-8")
    (fold / "log.csv").write_text(log + " ", "utf-8")
    assert not is_finished(fold, plan, exams)
    (fold / "log.csv").write_text(log, "utf-8")
    assert is_finished(fold, plan, exams)
    (fold / "models/model.pt").unlink()
    assert not is_finished(fold, plan, exams)


@pytest.mark.filterwarnings("ignore:No hash value provided")
def test_metadata_passes_monais_schema_without_network(fold: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    shutil.copyfile(Path(__file__).with_name("meta_schema.json"), schema)
    verify_metadata(meta_file=str(fold / "configs/metadata.json"), filepath=str(schema))
    metadata = json.loads((fold / "configs/metadata.json").read_text("utf-8"))
    del metadata["network_data_format"]
    (tmp_path / "bad.json").write_text(json.dumps(metadata), "utf-8")
    with pytest.raises(ValueError, match="'network_data_format' is a required property"):
        verify_metadata(meta_file=str(tmp_path / "bad.json"), filepath=str(schema))


@pytest.mark.parametrize("domain", JOINTS)
def test_the_network_of_every_domain_takes_and_gives_what_the_metadata_say(fold: Path, domain: str) -> None:
    metadata = json.loads((fold / "configs/metadata.json").read_text("utf-8"))
    said = metadata[f"{domain}_data_format"]
    assert said["outputs"]["pred"]["num_channels"] == CLASSES[domain]
    assert list(said["outputs"]["pred"]["channel_def"].values()) == ["background", *load_domains([domain])[0].labels]
    common = {**of(fold), "device": "cpu", "n": 1, "p": 1, "any": 32, "domain": domain}
    channels = "_meta_::network_data_format::outputs::pred::num_channels"
    verify_net_in_out("network_def", **common, **{channels: CLASSES[domain]})
    with pytest.raises(ValueError, match="channel number"):
        verify_net_in_out("network_def", **common, **{channels: CLASSES[domain] + 1})


def test_without_a_domain_the_first_ones_format_holds(fold: Path) -> None:
    verify_net_in_out("network_def", **of(fold), device="cpu", n=1, p=1, any=32)


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_monai_finds_every_property_it_asks_of_a_workflow(fold: Path, kind: str) -> None:
    arguments = of(fold, kind)
    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)
    overrides = {"device": torch.device("cpu"), "dataset_dir": dataset_of(fold, kind)}
    workflow = ConfigWorkflow(workflow_type=kind, logging_file=False, **arguments, **overrides)
    workflow.initialize()
    assert workflow.check_properties() == []
    assert isinstance(workflow.network_def, torch.nn.Module)


def dataset_of(fold: Path, kind: str) -> str | None:
    return str(fold.parents[3] / "raw/ankle/ankle_0/image.nii.gz") if kind == "inference" else None


@pytest.mark.parametrize("domain", ["ankle", "shoulder"])
def test_a_selected_network_is_exported_by_monai_and_computes_the_same(
    fold: Path, tmp_path: Path, domain: str
) -> None:
    path = tmp_path / "model.ts"
    ckpt_export(
        "network_def", str(path), str(fold / "models/model.pt"), domain=domain, **of(fold),
        input_shape=[1, 1, 64, 64], use_trace=True,
    )  # fmt: skip
    exported = torch.jit.load(str(path)).eval()
    own = load_network(fold, load_plan(fold / "configs/plan.json"), domain)
    x = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(exported(x), own(x), rtol=1e-5, atol=1e-5)


def test_metadata_tell_versions_plan_and_structures(fold: Path) -> None:
    plan = load_plan(fold / "configs/plan.json")
    metadata = bundle_metadata(bundle_template(), plan)
    assert metadata["pytorch_version"] == torch.__version__.partition("+")[0]
    assert plan.digest[:12] in next(iter(metadata["changelog"].values()))
    assert "Ankle, Knee, Shoulder" in metadata["description"]
    assert metadata["network_data_format"] == data_format(plan.domains[0].domain)


def test_a_fold_without_weights_is_not_finished(fold: Path, tmp_path: Path) -> None:
    copy = copied(fold.parents[3], tmp_path) / fold.relative_to(fold.parents[3])
    (copy / "models/model.pt").unlink()
    with pytest.raises(TrainingError, match="PS-A127: fold_0 has no models"):
        finish_fold(load_recipe(copy), 1)


def test_a_fold_that_goes_on_is_not_finished_until_it_is(fold: Path, tmp_path: Path) -> None:
    copy = copied(fold.parents[3], tmp_path) / fold.relative_to(fold.parents[3])
    plan = load_plan(copy / "configs/plan.json")
    make_fold(copy, plan, "0", plan.folds[0])
    with pytest.raises(ModelError, match="PS-A123: fold_0 is not finished"):
        load_model(copy)
    finish_fold(load_recipe(copy), 4)
    load_model(copy)


def test_only_what_a_checkpoint_depends_on_keeps_a_fold_from_going_on(fold: Path) -> None:
    plan = load_plan(fold / "configs/plan.json")
    longer = plan.model_copy(update={"schedule": plan.schedule.model_copy(update={"epochs": 99}), "why": {"x": "y"}})
    check_fold(fold, longer, plan.folds[0])
    check_fold(fold.with_name("fold_9"), longer, plan.folds[0])
    wider = plan.network.model_copy(update={"channels": (8, 8, 8, 8, 8)})
    with pytest.raises(ModelError, match=r"PS-A87: .*\(other network.channels\): name another run"):
        check_fold(fold, plan.model_copy(update={"network": wider}), plan.folds[0])
    with pytest.raises(ModelError, match=r"\(other test.ankle, test.knee, test.shoulder, validation.ankle"):
        check_fold(fold, plan, plan.folds[1])
