"""Facts about a prediction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pedseg import __version__
from pedseg.domains import load_domains
from pedseg.errors import Notice
from pedseg.inference import Prediction, load_model
from pedseg.inference.record import prediction_record, structure_sizes
from pedseg.volumes import Volume

(ANKLE,) = load_domains(["ankle"])


def labels() -> Volume:
    array = np.zeros((10, 10, 10), np.uint8)
    array[:4, :5, :6] = 1
    array[5:, 0, 0] = 3
    affine = np.array([[0.0, 0, -2.0, 1], [0.5, 0, 0, 2], [0, 0.3, 0, 3], [0, 0, 0, 1]])
    return Volume(array, affine, facts={"vendor": "Philips", "field_strength_t": 3.0})


def test_volumes_are_voxels_times_their_size() -> None:
    sizes = structure_sizes(labels(), ANKLE)
    assert sizes == {
        "calcaneus": {"label": 1, "voxels": 120, "volume_ml": round(120 * 0.3 / 1000, 3)},
        "talus": {"label": 2, "voxels": 0, "volume_ml": 0.0},
        "tibia_distal": {"label": 3, "voxels": 5, "volume_ml": round(5 * 0.3 / 1000, 3)},
    }


def test_the_record_tells_model_versions_grid_warnings_and_times_and_is_plain(tiny_run: Path) -> None:
    model = load_model(tiny_run)
    prediction = Prediction(labels(), ANKLE, (Notice("PS-W124", "not found: talus"),), {"network": 1.5})
    record = json.loads(json.dumps(prediction_record(prediction, model, read_seconds=0.25), allow_nan=False))
    assert record["domain"] == "ankle"
    assert record["warnings"] == [{"code": "PS-W124", "text": "not found: talus"}]
    assert record["seconds"] == {"read": 0.25, "network": 1.5}
    assert record["model"]["plan"] == model.plan.digest
    assert record["model"]["folds"] == model.digests
    assert record["versions"]["pedseg"] == __version__
    assert record["versions"]["torch"] == torch.__version__
    assert record["grid"]["shape"] == [10, 10, 10]
    assert record["grid"]["affine"] == labels().affine.tolist()
    np.testing.assert_allclose(record["grid"]["spacing_mm"], [0.5, 0.3, 2.0])
    assert record["source"] == {"laterality": None, "vendor": "Philips", "field_strength_t": 3.0}
    assert "not a medical device" in record["intended_use"]


def test_the_record_tells_how_far_folds_agree(tiny_run: Path) -> None:
    model = load_model(tiny_run)
    alone = Prediction(labels(), ANKLE, (), {})
    assert prediction_record(alone, model)["agreement"] is None
    several = Prediction(labels(), ANKLE, (), {}, agreement={"calcaneus": 0.98765432, "tibia_distal": 1.0})
    assert prediction_record(several, model)["agreement"] == {"calcaneus": 0.9877, "tibia_distal": 1.0}


def test_of_the_body_part_the_record_repeats_what_is_known(tiny_run: Path) -> None:
    model, domain = load_model(tiny_run), ANKLE.model_copy(update={"body_part": ("TOETIP",)})
    told = {}
    for part in ("KNEE", "TOETIP", "DOE^JANE"):
        volume = replace(labels(), facts={"body_part": part})
        told[part] = prediction_record(Prediction(volume, domain, (), {}), model)["source"].get("body_part")
    assert told == {"KNEE": "KNEE", "TOETIP": "TOETIP", "DOE^JANE": None}
