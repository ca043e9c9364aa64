"""A fold folder as a complete MONAI bundle: made before training, sealed after it."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pedseg import __version__
from pedseg.bundle.generations import Generations
from pedseg.bundle.prior import NOTE, prior_note
from pedseg.bundle.recipe import Recipe
from pedseg.domains import Domain
from pedseg.errors import ModelError, TrainingError, UsageError
from pedseg.inference.autoencoder import PRIOR
from pedseg.inference.plausibility import CODES, LIMITS
from pedseg.plan import Fold, Plan, embed_plan, load_plan
from pedseg.plan.files import parse, read_json
from pedseg.storage.runs import MANIFEST, SOURCE, WEIGHTS, read_manifest
from pedseg.workspace import file_digest, write_bytes, write_json

TEMPLATE = "multi_joint"
SHOWN = 5
"""Differences named before the rest is left out."""
SEALED = (
    "LICENSE", "configs/*", "docs/*", WEIGHTS.as_posix(), SOURCE.as_posix(), "log.csv", "progress.png", "gradients.csv",
)  # fmt: skip
OF_PRIOR = (*(path.as_posix() for path in (PRIOR, NOTE, CODES, LIMITS)), "prior.csv", "prior.png")
"""Sealed too where the objective has an auto-encoder."""


def bundle_template() -> Path:
    """The folder of the bundle that comes with pedseg."""
    if find_spec("pedseg.bundles"):
        with as_file(files("pedseg.bundles") / TEMPLATE) as path:
            return path
    return Path(__file__).parents[2] / "bundles" / TEMPLATE


def check_fold(folder: Path, plan: Plan, fold: Fold) -> None:
    """Refuse to go on with a fold that was begun under other decisions, before anything of it is touched.

    Raises:
        ModelError: PS-A87, with the values that differ; PS-A86 it was finished, and its weights are damaged.
    """
    begun = folder / "configs"
    if not (begun / "plan.json").is_file() or not any(path.is_file() for path in Generations(folder).paths):
        return
    before, exams = load_plan(begun / "plan.json"), read_json(begun / "fold.json", "start over with --no-resume")
    changed = _changed(before.resume_values, plan.resume_values)
    changed += _changed({k: exams.get(k) for k in Fold.model_fields}, fold.model_dump(mode="json"))
    if changed:
        named = ", ".join(changed[:SHOWN]) + (" ..." if len(changed) > SHOWN else "")
        raise ModelError(
            "PS-A87",
            f"{folder.name} was begun under plan {before.resume_digest[:8]}, this one is {plan.resume_digest[:8]} "
            f"(other {named}): name another run with --run, or start over with --no-resume",
        )
    _check_weights(folder)


def is_finished(folder: Path, plan: Plan, fold: Fold) -> bool:
    """Whether a fold was trained to its end by this plan on these exams, and every sealed file is whole."""
    try:
        manifest = read_manifest(folder)
        exams = read_json(folder / "configs" / "fold.json", "run pedseg_train again")
        same = manifest["plan"] == plan.digest and parse(Fold, {k: exams.get(k) for k in Fold.model_fields}, "") == fold
    except (ModelError, UsageError):
        return False
    files = manifest["files"].items()
    return same and all((folder / f).is_file() and file_digest(folder / f) == digest for f, digest in files)


def make_fold(folder: Path, plan: Plan, name: str, fold: Fold) -> None:
    """Write a fold's configs, docs and licence; weights and logs that are there stay, but it is not finished any more.

    Args:
        folder: `runs/<plan>/<run>/fold_<name>/`.
        plan: embedded whole, so that the folder stands alone.
        name: of the fold.
        fold: exams that train, validate and test.
    """
    template = bundle_template()
    (folder / MANIFEST).unlink(missing_ok=True)
    for source in sorted(p for p in template.rglob("*") if p.is_file()):
        write_bytes(folder / source.relative_to(template), source.read_bytes())
    (folder / "models").mkdir(exist_ok=True)
    embed_plan(plan, folder / "configs" / "plan.json")
    write_json(folder / "configs" / "fold.json", {"schema": 1, "plan": plan.digest, "name": name, **fold.model_dump()})
    write_json(folder / "configs" / "metadata.json", bundle_metadata(template, plan))


def bundle_metadata(template: Path, plan: Plan) -> dict[str, Any]:
    """The template's metadata with this plan's versions, structures and data formats.

    `network_data_format` is the first domain's, which `inference.yaml` selects where no `--domain` is given; every
    domain's own stands in `<domain>_data_format`.
    """
    import monai

    metadata: dict[str, Any] = json.loads((template / "configs" / "metadata.json").read_text("utf-8"))
    formats = {f"{name}_data_format": data_format(plan.predicted(name).domain) for name in plan.domain_names}
    packages = {name: version(name) for name in metadata["required_packages_version"]}
    versions = {
        "monai_version": monai.__version__,
        "pytorch_version": _plain(torch.__version__),
        "numpy_version": np.__version__,
    }
    titles = ", ".join(part.domain.title or part.domain.name for part in plan.domains)
    return {
        **metadata,
        **versions,
        "required_packages_version": packages,
        "version": __version__,
        "changelog": {__version__: f"trained by plan {plan.digest[:12]}"},
        "description": f"{metadata['description']} Domains: {titles}.",
        "network_data_format": next(iter(formats.values())),
        **formats,
    }


def data_format(domain: Domain) -> dict[str, Any]:
    """What the network of one domain takes and gives, in the terms of MONAI's metadata."""
    image = {
        "type": "image", "format": "magnitude", "modality": "MR", "num_channels": 1,
        "spatial_shape": ["32*n", "32*n", "*"], "dtype": "float32", "value_range": [], "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    channels = {"0": "background", **{str(v): k for k, v in domain.labels.items()}}
    pred = {
        "type": "image", "format": "segmentation", "num_channels": domain.n_classes,
        "spatial_shape": ["32*n", "32*n", "*"], "dtype": "float32", "value_range": [], "is_patch_data": False,
        "channel_def": channels,
    }
    return {"inputs": {"image": image}, "outputs": {"pred": pred}}


def finish_fold(recipe: Recipe, best_epoch: int) -> None:
    """Seal a trained fold: `run.json` names every file with its sha256. Its presence says the fold is finished.

    Raises:
        TrainingError: PS-A127 there are no weights.
        ModelError: PS-A86 the auto-encoder or its note was damaged since it was trained.
    """
    root = recipe.root
    if not (root / WEIGHTS).is_file():
        raise TrainingError("PS-A127", f"{root.name} has no {WEIGHTS}: train it again with --no-resume")
    prior = recipe.plan.shape_prior is not None
    sealed = SEALED + (OF_PRIOR if prior else ())
    paths = sorted(p for pattern in sealed for p in root.glob(pattern) if p.is_file())
    write_json(
        root / MANIFEST,
        {
            "schema": 1,
            "plan": recipe.plan.digest,
            "fold": recipe.name,
            "pedseg": __version__,
            "torch": torch.__version__,
            "best_epoch": best_epoch,
            "epochs": recipe.plan.schedule.epochs,
            **({"prior": prior_note(root)} if prior else {}),
            "files": {p.relative_to(root).as_posix(): file_digest(p) for p in paths},
        },
    )


def _check_weights(folder: Path) -> None:
    """No checkpoint holds those of the best epoch: who went on would seal what is damaged."""
    try:
        wanted = read_manifest(folder)["files"][WEIGHTS.as_posix()]
    except ModelError:
        return  # not finished: see `resume`
    if not (folder / WEIGHTS).is_file() or file_digest(folder / WEIGHTS) != wanted:
        text = f"{folder.name}/{WEIGHTS} is missing or not the file {MANIFEST} names"
        raise ModelError("PS-A86", f"{text}: copy it again, or train the fold again with --no-resume")


def _changed(before: Any, now: Any, place: str = "") -> list[str]:
    """Places where two plain values differ, such as `network.channels`."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        return [where for k in keys for where in _changed(before.get(k), now.get(k), f"{place}.{k}".lstrip("."))]
    return [] if before == now else [place]


def _plain(version: str) -> str:
    return version.partition("+")[0]
