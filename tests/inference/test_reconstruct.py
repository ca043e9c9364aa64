"""Masks through the auto-encoder of a fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pedseg.domains import load_domains
from pedseg.inference import load_model
from pedseg.inference.autoencoder import load_autoencoder
from pedseg.inference.reconstruct import embed_masks, reconstruct
from pedseg.losses import coverage
from pedseg.networks import MultiDomainAutoencoder, build_autoencoder
from pedseg.plan import DomainPlan, NetworkSpec, ObjectiveSpec, Plan
from pedseg.storage.cache import read_entry

JOINTS = load_domains(["ankle", "knee"])


def some_labels(n_classes: int, n: int = 3, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, n_classes, (n, side, side)).astype(np.uint8)


def small(scheme: str, strategy: str = "multi", *, kind: str = "double") -> tuple[Plan, MultiDomainAutoencoder]:
    """A plan of ankle and knee and its fresh auto-encoder."""
    parts = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=1, window=32) for d in JOINTS)
    name = "shape" if scheme == "individual" else "mjap"
    network = NetworkSpec(name="unet", scheme=scheme, strategy=strategy)
    auto = {"kind": kind, "channels": (4, 4, 4, 4, 6), "scheme": scheme, "strategy": strategy}
    plan = Plan.model_validate(
        {"domains": parts, "network": network, "objective": ObjectiveSpec(name=name), "prior": {"autoencoder": auto}}
    )
    assert plan.shape_prior is not None
    return plan, build_autoencoder(plan.shape_prior.autoencoder, [p.domain for p in parts], seed=1).eval()


def test_they_equal_what_the_auto_encoder_of_all_joints_makes_of_them(tiny_shape_run: Path) -> None:
    fold = tiny_shape_run / "fold_0"
    plan = load_model(fold).plan
    whole = load_autoencoder(fold, plan)
    assert whole is not None
    entry = read_entry(fold.parents[3] / "cache/default/knee", "knee_0")
    labels = entry.labels[10:31]
    assert labels.shape == (21, 64, 64)  # two labels along each side of a pixel
    masks = [torch.empty((0, n, 32, 32)) for n in (4, 5, 3)]
    masks[1] = coverage(torch.from_numpy(labels.copy()), 5, (32, 32))
    with torch.no_grad():
        output = whole(masks)
        code = whole.encode(masks)[1]
    logits = output.logits[1]
    clear = (logits.topk(2, 1).values.diff(dim=1).abs() > 1e-4)[:, 0].numpy()
    assert np.array_equal(reconstruct(whole, plan, "knee", labels)[clear], logits.argmax(1).numpy()[clear])
    found = embed_masks(whole, plan, "knee", labels)
    assert np.abs(found.codes - code.mean((2, 3)).numpy()).max() < 1e-5
    assert len(found.scales) == 9
    for scale, wanted in zip(found.scales, output.embeddings("average"), strict=True):
        assert np.abs(scale - wanted.numpy()).max() < 1e-5
        assert np.allclose(np.linalg.norm(scale, axis=1), 1, atol=1e-5)


def test_scheme_shared_names_labels_of_the_domain_alone() -> None:
    plan, autoencoder = small("shared")
    labels = some_labels(5)
    found = reconstruct(autoencoder, plan, "knee", labels)
    assert found.shape == labels.shape
    assert found.max() <= 4
    places = torch.zeros((3, 8, 32, 32))  # background, three bones of the ankle, four of the knee
    places.scatter_(1, torch.from_numpy(np.where(labels > 0, labels + 3, 0).astype(np.int64))[:, None], 1.0)
    with torch.no_grad():
        logits = autoencoder([torch.empty((0, 8, 32, 32)), places]).logits[1]
    background = torch.logsumexp(logits[:, :4], 1, keepdim=True)
    wanted = torch.cat([background, logits[:, 4:]], 1).argmax(1)
    assert np.array_equal(found, wanted.numpy())


@pytest.mark.parametrize("strategy", ["multi", "global", "individual"])
def test_auto_encoders_of_single_joints_and_bones(strategy: str) -> None:
    plan, autoencoder = small("individual", strategy, kind="single")
    labels = some_labels(5)
    found = embed_masks(autoencoder, plan, "knee", labels)
    assert found.codes.shape == (3, 24 if strategy == "individual" else 6)
    assert len(found.scales) == (0 if strategy == "individual" else 9)
    assert reconstruct(autoencoder, plan, "knee", labels).max() <= (1 if strategy == "global" else 4)
    if strategy == "individual":
        own = autoencoder.select(1)
        for bone in range(4):
            mask = torch.from_numpy((labels == bone + 1).astype(np.float32))[:, None]
            with torch.no_grad():
                code = own.networks[bone].encode(mask).mean((2, 3))
            assert np.allclose(found.codes[:, 6 * bone : 6 * bone + 6], code.numpy(), atol=1e-6)


def test_no_mask_gives_no_mask() -> None:
    plan, autoencoder = small("shared")
    assert reconstruct(autoencoder, plan, "ankle", some_labels(4, 0)).shape == (0, 32, 32)
    with pytest.raises(ValueError, match="masks of ankle are needed to embed, got none"):
        embed_masks(autoencoder, plan, "ankle", some_labels(4, 0))
