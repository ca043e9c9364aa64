"""What one fold makes of slices, all of it together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pedseg.inference import load_model
from pedseg.inference.attention import attention_maps
from pedseg.inference.autoencoder import load_autoencoder
from pedseg.inference.checkpoint import Model
from pedseg.inference.embed import embed_slices
from pedseg.inference.reconstruct import embed_masks, reconstruct
from pedseg.inference.representations import EXAMPLES, Representations, represent
from pedseg.networks import SelectedNetwork
from pedseg.plan import Plan
from pedseg.storage.cache import read_entry

NAMES = ("ankle", "knee", "shoulder")


def cache_of(run: Path) -> Path:
    return run.parents[2] / "cache/default"


@pytest.fixture(scope="module")
def found(tiny_shape_run: Path) -> Representations:
    return represent(load_model(tiny_shape_run / "fold_0"), cache_of(tiny_shape_run), slices=25)


def test_all_of_a_fold_with_gates_and_an_auto_encoder(found: Representations) -> None:
    assert tuple(domain.name for domain in found.domains) == NAMES
    assert [len(scales) for scales in (found.slices, found.masks)] == [9, 9]
    assert {len(points) for scale in (*found.slices, *found.masks) for points in scale} == {25}
    assert [codes.shape for codes in found.codes] == [(25, 32)] * 3
    assert found.one_space
    assert all(share.shape == (25,) and 0 < share.min() <= share.max() < 0.6 for share in found.bone_share)
    assert [part.domain.name for part in found.attention] == list(NAMES)
    assert [part.places[0].split(",")[0] for part in found.attention] == [f"{name}_1" for name in NAMES]
    assert [part.places for part in found.reconstructions] == [part.places for part in found.attention]
    for part, whole in zip(found.reconstructions, found.domains, strict=True):
        assert part.labels.shape == part.rebuilt.shape == (2, 32, 32)  # two exams, pixels of the network
        assert set(np.unique(part.labels)) == set(range(whole.n_classes))
    assert found.notes[0] == "ankle: 25 of 40 slices drawn."
    assert len(found.notes) == 6
    assert "masks with bone drawn" in found.notes[-1]


def test_named_exams_whole_are_what_the_parts_make_of_them(tiny_shape_run: Path) -> None:
    fold = tiny_shape_run / "fold_0"
    model, cache = load_model(fold), cache_of(tiny_shape_run)
    found = represent(model, cache, exams={"knee": ["knee_0"], "ankle": ["ankle_2"]})
    assert [domain.name for domain in found.domains] == ["ankle", "knee"]
    assert found.notes == ()
    entry = read_entry(cache / "knee", "knee_0")
    for scale, wanted in zip(found.slices, embed_slices(model, "knee", [entry.images]), strict=True):
        assert np.array_equal(scale[1], wanted)
    autoencoder = load_autoencoder(fold, model.plan)
    assert autoencoder is not None
    shown = entry.labels[entry.labels.any((1, 2))]
    assert np.abs(found.codes[1] - embed_masks(autoencoder, model.plan, "knee", shown).codes).max() < 1e-6
    assert np.allclose(found.bone_share[1], [(mask > 0).mean() for mask in shown])
    (place,) = found.attention[1].places
    row = int(place.rpartition(" ")[2]) - 1
    assert place == f"knee_0, slice {row + 1}"
    image = entry.images[[row]].astype(np.float32)
    assert np.array_equal(found.attention[1].images, image)
    assert np.abs(found.attention[1].maps - attention_maps(model, "knee", image)).max() < 1e-6
    given = reconstruct(autoencoder, model.plan, "knee", entry.labels[[row]])
    assert (found.reconstructions[1].rebuilt == given).mean() > 0.99


def test_the_draw_is_the_seeds(tiny_shape_run: Path, found: Representations) -> None:
    model, cache = load_model(tiny_shape_run / "fold_0"), cache_of(tiny_shape_run)
    again, other = (represent(model, cache, slices=25, seed=seed) for seed in (0, 1))
    assert np.array_equal(found.slices[4][0], again.slices[4][0])
    assert np.array_equal(found.codes[2], again.codes[2])
    assert not np.array_equal(found.slices[4][0], other.slices[4][0])


def untrained(run: Path, **network: str) -> Model:
    """A model of fresh weights that has no auto-encoder."""
    values = load_model(run / "fold_0").plan.model_dump(by_alias=True)
    changed = {**values["network"], **network}
    plan = Plan.model_validate({**values, "network": changed, "objective": {"name": "ce"}, "prior": None})
    model = Model(plan, (run / "fold_0",))
    for name in NAMES:
        model._loaded[name, "cpu"] = (SelectedNetwork(plan, name).eval(),)
    return model


def test_what_a_fold_has_not_is_empty_and_said(tiny_run: Path) -> None:
    found = represent(untrained(tiny_run, name="unet"), cache_of(tiny_run), slices=5)
    assert len(found.slices) == 9
    assert (found.masks, found.codes, found.attention, found.reconstructions) == ((), (), (), ())
    assert found.notes[-2:] == (
        "unet has no attention gates, so there are no attention maps.",
        "Objective ce trains no auto-encoder of masks.",
    )


@pytest.mark.parametrize(
    ("network", "note"),
    [({"scheme": "individual"}, "Scheme individual: every domain has a network of its own, no space holds them all."),
     ({"scheme": "individual", "strategy": "global"}, "Scheme individual: every domain has a network of its own")],
    ids=str,
)  # fmt: skip
def test_networks_of_single_domains_share_no_space(tiny_run: Path, network: dict[str, str], note: str) -> None:
    model = untrained(tiny_run, name="att_unet", **network)
    found = represent(model, cache_of(tiny_run), exams={"ankle": ["ankle_0"], "knee": ["knee_0"]}, slices=5)
    assert found.slices == ()
    assert found.notes[0].startswith(note)
    assert [part.maps.shape for part in found.attention] == [(1, 32, 32)] * 2
    assert len(found.attention[0].places) <= EXAMPLES


def test_one_fold_at_a_time(tiny_run: Path) -> None:
    fold = tiny_run / "fold_0"
    model = Model(load_model(fold).plan, (fold, fold))
    with pytest.raises(ValueError, match="one fold's, got a model of 2 folds: name one"):
        represent(model, cache_of(tiny_run), device=torch.device("cpu"))
