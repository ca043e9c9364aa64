"""Facts about a prediction as plain values: what `prediction.json` holds."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import torch

from pedseg import __version__
from pedseg.cli import DISCLAIMER
from pedseg.dicom.words import part_of_body
from pedseg.domains import Domain
from pedseg.errors import Notice
from pedseg.inference.checkpoint import Model
from pedseg.inference.predict import Prediction
from pedseg.volumes import Volume


def prediction_record(prediction: Prediction, model: Model, *, read_seconds: float | None = None) -> dict[str, Any]:
    """What `prediction.json` holds: plain values, no identity."""
    reading = {} if read_seconds is None else {"read": read_seconds}
    labels = prediction.labels
    return {
        "schema": 1,
        "intended_use": DISCLAIMER,
        "domain": prediction.domain.name,
        "postprocessed": prediction.postprocessed and model.plan.prediction.postprocess,
        "structures": structure_sizes(labels, prediction.domain),
        "agreement": _rounded(prediction.agreement),
        "plausibility": {bone: verdict.as_plain for bone, verdict in prediction.plausibility.items()},
        "warnings": [_plain(n) for n in prediction.notices],
        "grid": {"shape": list(labels.shape), "spacing_mm": list(labels.spacing_mm), "affine": labels.affine.tolist()},
        "source": {"laterality": None, **_source(labels.facts, prediction.domain)},
        "model": {"plan": model.plan.digest, "name": model.plan.name, "folds": model.digests},
        "versions": versions(),
        "seconds": {**reading, **prediction.seconds},
    }


def structure_sizes(labels: Volume, domain: Domain) -> dict[str, dict[str, float]]:
    """Structure -> label, voxel count and volume in ml."""
    counts = np.bincount(labels.array.ravel(order="K"), minlength=domain.n_classes)
    scale = labels.geometry.voxel_mm3 / 1000
    return {
        name: {"label": label, "voxels": int(counts[label]), "volume_ml": round(float(counts[label]) * scale, 3)}
        for name, label in domain.labels.items()
    }


def versions() -> dict[str, str]:
    """Versions that decide what comes out."""
    libraries = {"torch": str(torch.__version__), "numpy": np.__version__}
    return {"pedseg": __version__, "python": platform.python_version(), **libraries}


def _source(facts: dict[str, str | int | float], domain: Domain) -> dict[str, str | int | float]:
    """Facts about the exam; of its body part what a reader knows already."""
    part = str(facts.get("body_part", ""))
    known = part_of_body(part) or domain.is_meant_by(part)
    return {key: value for key, value in facts.items() if key != "body_part" or known}


def _plain(notice: Notice) -> dict[str, str]:
    return {"code": notice.code, "text": notice.text}


def _rounded(agreement: dict[str, float] | None) -> dict[str, float] | None:
    return None if agreement is None else {name: round(value, 4) for name, value in agreement.items()}
