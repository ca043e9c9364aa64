"""What a trained network makes of slices at its scales."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import make_workspace, train

from pedseg.inference import load_model
from pedseg.inference.checkpoint import Model
from pedseg.inference.embed import embed_slices
from pedseg.networks import build_network
from pedseg.networks.state_dicts import read_tensors
from pedseg.storage.cache import CacheEntry, read_entry


def exams_of(root: Path, domain: str) -> list[CacheEntry]:
    folder = root / "cache/default" / domain
    return [read_entry(folder, path.name.removesuffix(".json")) for path in sorted(folder.glob("*.json"))]


def test_every_scale_of_every_slice_is_what_the_multi_domain_network_makes_of_it(tiny_run: Path) -> None:
    model = load_model(tiny_run / "fold_0")
    domains = [part.domain for part in model.plan.domains]
    whole = build_network(model.plan.network, domains).eval()
    whole.load_state_dict(read_tensors(tiny_run / "fold_0/models/model.pt"))
    for k, domain in enumerate(domains):
        exams = exams_of(tiny_run.parents[2], domain.name)
        slices = np.concatenate([entry.images for entry in exams]).astype(np.float32)
        sizes = [len(slices) if i == k else 0 for i in range(len(domains))]
        with torch.no_grad():
            wanted = whole(torch.from_numpy(slices)[:, None], sizes).embeddings("average")
        found = embed_slices(model, domain.name, [entry.images for entry in exams])
        assert [f.shape for f in found] == [tuple(w.shape) for w in wanted]
        assert len(found) == 9
        for scale, expected in zip(found, wanted, strict=True):
            assert np.allclose(np.linalg.norm(scale, axis=1), 1, atol=1e-5)
            assert np.abs(scale - expected.numpy()).max() < 1e-4


def test_max_pooling_is_another_place(tiny_run: Path) -> None:
    model = load_model(tiny_run / "fold_0")
    images = [entry.images for entry in exams_of(tiny_run.parents[2], "knee")]
    average, maximum = (embed_slices(model, "knee", images, pooling=p)[4] for p in ("average", "max"))
    assert average.shape == maximum.shape
    assert np.abs(average - maximum).max() > 0.01


def test_one_space_at_a_time(tiny_run: Path) -> None:
    fold = tiny_run / "fold_0"
    model = Model(load_model(fold).plan, (fold, fold))
    with pytest.raises(ValueError, match="one fold's, got a model of 2 folds"):
        embed_slices(model, "knee", [])


def test_networks_of_single_bones_show_no_scales(tmp_path: Path) -> None:
    make_workspace(tmp_path / "w", ("shoulder",), wishes={"strategy": "individual"})
    fold = train(tmp_path / "w", epochs=1)
    with pytest.raises(ValueError, match="strategy individual shows no scales to embed"):
        embed_slices(load_model(fold), "shoulder", [])
