"""What names of networks and auto-encoders mean."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pedseg.plan import AutoencoderSpec, NetworkSpec, ObjectiveSpec, autoencoder_for


@pytest.mark.parametrize(("name", "decoder"), [("unet", "transposed"), ("att_unet", "upsample")])
def test_a_network_name_means_its_decoder(name, decoder):
    assert NetworkSpec(name=name).decoder == decoder
    assert NetworkSpec(name=name, decoder="transposed").decoder == "transposed"


@pytest.mark.parametrize("channels", [(32, 64, 128, 256), (32, 64, 128, 256, 511), (0, 64, 128, 256, 512)])
def test_channels_are_five_even_numbers(channels):
    with pytest.raises(ValidationError):
        NetworkSpec(channels=channels)


def test_the_auto_encoder_follows_from_objective_and_scheme():
    """B's of all joints for `mjap`, a joint's own for `shape` and `spar` (METHODS, section 5)."""

    def made(name, scheme):
        spec = autoencoder_for(ObjectiveSpec(name=name), scheme)
        return spec and (spec.kind, spec.scheme, spec.objective.name)

    assert made("msc+mjap", "dsl") == ("double", "dsl", "msc")
    assert made("mjap", "shared") == ("double", "shared", "ce")
    assert made("shape+adv", "individual") == made("spar", "dsl") == ("single", "individual", "ce")
    assert made("msc", "dsl") is made("adv", "individual") is None
    assert AutoencoderSpec().objective.contrastive_weight == 0.05


@pytest.mark.parametrize("channels", [(32, 64, 128, 256), (0, 64, 128, 256, 512)])
def test_an_auto_encoder_has_five_levels(channels):
    with pytest.raises(ValidationError):
        AutoencoderSpec(channels=channels)
