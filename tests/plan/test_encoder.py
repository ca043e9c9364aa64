"""What a plan says about the weights an encoder starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from pedseg.domains import load_domains
from pedseg.errors import UsageError
from pedseg.plan import DomainPlan, EncoderWeights, NetworkSpec, Plan
from pedseg.plan.encoder import encoder_weights

EFFICIENT, OWN = NetworkSpec(name="efficient_unet"), NetworkSpec(name="att_unet")


def plan(network: NetworkSpec = EFFICIENT, window: int = 64, **changes: object) -> Plan:
    parts = [DomainPlan(domain=d, plane="axial", spacing_mm=1, window=window) for d in load_domains(["ankle", "knee"])]
    return Plan.model_validate({"domains": tuple(parts), "network": network, **changes})


def test_a_file_is_recorded_with_its_path_and_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b3.pth").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    found = encoder_weights(EFFICIENT, "b3.pth")
    assert found == EncoderWeights(source=str(tmp_path / "b3.pth"), sha256=hashlib.sha256(b"weights").hexdigest())
    assert found.is_file


def test_imagenet_and_none_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where files of those names lie."""
    monkeypatch.chdir(tmp_path)
    for name in ("imagenet", "none"):
        (tmp_path / name).write_bytes(b"")
        assert encoder_weights(EFFICIENT, name) == EncoderWeights(source=name)
    assert encoder_weights(OWN, "none") == EncoderWeights()


def test_what_cannot_be_had_is_refused() -> None:
    with pytest.raises(UsageError, match="PS-A120: att_unet has no ImageNet encoder: give --encoder-weights none"):
        encoder_weights(OWN, "imagenet")
    with pytest.raises(UsageError, match=r"PS-A03: --encoder-weights gone.pth is no file: give one, imagenet or none"):
        encoder_weights(EFFICIENT, "gone.pth")


@pytest.mark.parametrize(
    "values",
    [{"source": "a.pth"}, {"source": "none", "sha256": "0" * 64}, {"source": "a.pth", "sha256": "xyz"}, {"source": ""}],
)
def test_only_a_file_has_a_digest(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EncoderWeights.model_validate(values)


def test_a_plan_accepts_weights_of_networks_that_have_such_an_encoder() -> None:
    assert plan(encoder_weights={"source": "imagenet"}).encoder_weights.source == "imagenet"
    with pytest.raises(ValidationError, match=r"att_unet has no ImageNet encoder: set encoder_weights.source to none"):
        plan(OWN, encoder_weights={"source": "imagenet"})


def test_they_are_decisions_and_none_is_as_before_there_were_any() -> None:
    """A checkpoint depends on them; a plan from before the field keeps its digest."""
    before = plan().model_dump(by_alias=True)
    del before["encoder_weights"]
    assert Plan.model_validate(before).digest == plan().digest
    other = plan(encoder_weights={"source": "imagenet"})
    assert other.digest != plan().digest
    assert other.resume_digest != plan().resume_digest


@pytest.mark.parametrize(("name", "window", "fits"), [("dense_unet", 48, False), ("vgg_unet", 48, True)])
def test_a_window_suits_the_coarsest_map(name: str, window: int, fits: bool) -> None:
    network = NetworkSpec(name=name)
    if fits:
        assert plan(network, window).domains[0].window == window
        return
    with pytest.raises(ValidationError, match=f"{name} needs a window that is a multiple of 32, got {window}"):
        plan(network, window)
