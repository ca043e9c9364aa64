"""What names of networks and auto-encoders mean."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pedseg.plan import AutoencoderSpec, NetworkSpec, ObjectiveSpec, autoencoder_for, unfit_scheme


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


def test_bones_have_auto_encoders_of_their_own():
    spec = autoencoder_for(ObjectiveSpec(name="shape+adv"), "individual", strategy="individual")
    assert spec is not None
    assert (spec.kind, spec.scheme, spec.strategy) == ("single", "individual", "individual")


def test_networks_of_single_domains_are_apart():
    assert [NetworkSpec(scheme=s).apart for s in ("dsl", "shared", "individual", "transfer")] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("values", "domains", "text"),
    [
        ({"strategy": "global"}, ("ankle", "knee"), "strategy global trains every domain alone, scheme dsl does not"),
        ({"strategy": "individual", "scheme": "transfer"}, ("ankle", "knee"), "use the scheme individual"),
        ({"scheme": "transfer"}, ("ankle",), "goes from one domain to another, there is one: use individual"),
        ({"source": "ankle"}, ("ankle", "knee"), "must be one of ankle, knee, and the scheme transfer"),
        ({"scheme": "transfer", "source": "hip"}, ("ankle", "knee"), "source hip must be one of ankle, knee"),
    ],
)
def test_what_domains_do_not_allow_is_said(values, domains, text):
    assert text in unfit_scheme(NetworkSpec(**values), domains)


def test_stochastic_depth_is_of_the_network_that_has_blocks_to_leave_out():
    assert NetworkSpec(name="efficient_unet", stochastic_depth=0.2).stochastic_depth == 0.2
    with pytest.raises(ValidationError, match="stochastic_depth is efficient_unet's, unet has no blocks"):
        NetworkSpec(name="unet", stochastic_depth=0.2)


@pytest.mark.parametrize(
    "values",
    [
        {"scheme": "shared"},
        {"scheme": "transfer"},
        {"scheme": "transfer", "source": "knee"},
        {"scheme": "individual", "strategy": "global"},
    ],
)
def test_what_domains_allow(values):
    assert unfit_scheme(NetworkSpec(**values), ("ankle", "knee")) == ""
    assert unfit_scheme(NetworkSpec(strategy="individual"), ("ankle",)) == ""
