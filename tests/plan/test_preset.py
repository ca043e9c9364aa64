from __future__ import annotations

import pytest
from pydantic import ValidationError

from pedseg.errors import UsageError
from pedseg.plan import NetworkSpec
from pedseg.plan.preset import Preset, load_preset, preset_names


def test_every_preset_loads():
    assert set(preset_names()) >= {"combreg", "default", "demo", "isbi2021", "media2023", "miccai2021"}
    for name in preset_names():
        assert load_preset(name).network.channels[0] > 0


def test_media2023_holds_the_papers_numbers():
    """B table 1 and section 3.3 (METHODS, section 6)."""
    p = load_preset("media2023")
    assert (p.network.name, p.network.decoder) == ("att_unet", "upsample")
    assert (p.learning_rate, p.batch, p.epochs) == (5e-4, 18, 6)
    objective = p.objective
    assert (objective.name, objective.contrastive_weight, objective.temperature) == ("msc+mjap", 0.5, 0.1)
    assert (objective.prior_weight, objective.prior_reduction) == (0.1, "mean")
    assert objective.pooling == "average"
    assert p.objective_named("ssc").contrastive_weight == 0.1
    change = p.augmentation
    assert (change.rotation_deg, change.shift_fraction, change.scale_fraction, change.flips) == (22.5, 0.1, 0, "both")
    assert p.normalisation.clip_percentiles is None
    assert p.prediction.postprocess_grid == "slices"
    assert p.precision == "float32"


def test_miccai2021_holds_the_papers_numbers():
    """A section 3.2 (METHODS, section 6)."""
    p = load_preset("miccai2021")
    assert (p.network.name, p.network.decoder) == ("unet", "transposed")
    assert (p.learning_rate, p.batch, p.epochs) == (1e-4, 32, 30)
    assert (p.objective.name, p.objective.contrastive_weight, p.objective.pooling) == ("ssc", 0.1, "max")
    assert (p.augmentation.rotation_deg, p.augmentation.shift_fraction, p.augmentation.flips) == (45, 0.25, "both")
    assert p.normalisation.clip_percentiles is None
    assert p.prediction.postprocess_grid == "slices"


@pytest.mark.parametrize(
    ("name", "schedule", "weight"),
    [
        ("att_unet", (5e-4, 18, 6), 0.5),
        ("inception_unet", (5e-4, 18, 6), 0.5),
        ("dense_unet", (1e-4, 12, 4), 0.05),
        ("efficient_unet", (5e-4, 12, 4), 0.05),
    ],
)
@pytest.mark.parametrize("preset", ["media2023", "default"])
def test_each_network_of_media2023_has_the_papers_figures(preset, name, schedule, weight):
    """B table 1 and section 3.3 (METHODS, section 6); SSC has one weight for all."""
    p = load_preset(preset).for_network(name)
    assert p.network.model_copy(update={"stochastic_depth": 0.0}) == NetworkSpec(name=name)
    assert (p.learning_rate, p.batch, p.epochs) == schedule
    weights = {o: p.objective_named(o).contrastive_weight for o in ("msc", "ssc")}
    assert weights == {"msc": weight, "ssc": 0.1}
    assert p.why["network"].startswith("asked for; ") == (name != load_preset(preset).network.name)


def test_a_network_without_figures_takes_those_of_the_presets_own():
    a = load_preset("miccai2021")
    p = a.for_network("res_unet")
    assert (p.network, p.learning_rate, p.epochs) == (NetworkSpec(name="res_unet"), a.learning_rate, a.epochs)
    assert p.why["network"] == "asked for; other figures are those for unet"
    assert a.for_network("unet") is a is a.for_network(None)


def test_channels_go_along_between_networks_that_share_levels():
    demo = load_preset("demo")
    assert demo.for_network("unet").network.channels == demo.network.channels
    assert demo.for_network("efficient_unet").network.channels == (256, 128, 64, 32)


def test_the_default_is_media2023_with_efficient_unet_and_the_products_ends():
    ours, paper = load_preset("default"), load_preset("media2023").for_network("efficient_unet")
    for field in ("network", "augmentation", "window", "learning_rate", "batch", "epochs"):
        assert getattr(ours, field) == getattr(paper, field)
    assert ours.objective.model_copy(update={"dice_weight": 0.0}) == paper.objective
    assert all(o.model_copy(update={"dice_weight": 0.0}) in paper.alternatives for o in ours.alternatives)
    assert (ours.objective.dice_weight, ours.label_detail, ours.prediction.mirror) == (0.04, 2, True)
    assert (paper.objective.dice_weight, paper.label_detail, paper.prediction.mirror) == (0.0, 1, False)
    assert ours.normalisation.clip_percentiles == (0.05, 99.95)
    assert ours.prediction.postprocess_grid == "exam"


def test_objectives_by_name():
    a = load_preset("miccai2021")
    assert a.objective_named("ssc") == a.objective
    assert a.objective_named("ce").name == "ce"
    with pytest.raises(UsageError, match="PS-A120: the preset has no figures for objective 'msc'"):
        a.objective_named("msc")


def test_an_unknown_preset_gets_the_nearest():
    with pytest.raises(UsageError, match="PS-A129: unknown preset 'media203'; did you mean 'media2023'"):
        load_preset("media203")
    with pytest.raises(UsageError, match="PS-A129"):
        load_preset("../default")


def test_a_preset_is_closed_and_explains_every_number():
    values = load_preset("demo").model_dump()
    with pytest.raises(ValidationError, match="Extra inputs"):
        Preset.model_validate({**values, "lr": 1})
    with pytest.raises(ValidationError, match="why must explain"):
        Preset.model_validate({**values, "why": {"network": "so"}})


def test_isbi2021_holds_the_papers_numbers():
    """C sections 3.1 and 3.2; augmentation D's, without flips (METHODS, section 6)."""
    p = load_preset("isbi2021")
    assert (p.network.name, p.network.decoder, p.network.scheme) == ("unet", "transposed", "individual")
    assert (p.learning_rate, p.batch, p.epochs) == (1e-4, 32, 10)
    assert (p.objective.name, p.objective.adversarial_weight) == ("spar", 0.01)
    assert p.objective_named("shape").prior_weight == p.objective_named("adv").adversarial_weight == 0.01
    assert (p.prior.learning_rate, p.prior.batch, p.prior.epochs) == (1e-2, 32, 10)
    change = p.augmentation
    assert (change.rotation_deg, change.shift_fraction, change.scale_fraction, change.flips) == (20, 0.2, 0.2, "none")


def test_combreg_holds_the_papers_numbers():
    """D section 3.3 (METHODS, section 6)."""
    p = load_preset("combreg")
    assert (p.network.name, p.network.decoder, p.network.scheme) == ("res_unet", "transposed", "individual")
    objective = p.objective
    assert (objective.name, objective.prior_weight, objective.adversarial_weight) == ("shape+adv", 0.1, 0.01)
    assert (p.prior.learning_rate, p.prior.batch, p.prior.epochs) == (1e-2, 32, 10)
    change = p.augmentation
    assert (change.rotation_deg, change.shift_fraction, change.scale_fraction, change.flips) == (20, 0.2, 0.2, "both")


@pytest.mark.parametrize(
    ("preset", "network", "decoder", "figures", "weight"),
    [
        ("media2023", "att_unet", "upsample", (5e-4, 18, 6), 0.5),
        ("media2023", "inception_unet", "upsample", (5e-4, 18, 6), 0.5),
        ("media2023", "dense_unet", "upsample", (1e-4, 12, 4), 0.05),
        ("media2023", "efficient_unet", "upsample", (5e-4, 12, 4), 0.05),
        ("combreg", "att_unet", "transposed", (1e-3, 32, 20), 0.1),
        ("combreg", "vgg_unet", "transposed", (1e-4, 32, 10), 0.1),
        ("combreg", "dense_unet", "transposed", (1e-4, 16, 10), 0.1),
        ("combreg", "res_unet", "transposed", (1e-4, 16, 10), 0.1),
    ],
)
def test_each_network_has_its_own_figures(preset, network, decoder, figures, weight):
    """B table 1 and section 3.3; D section 3.3 (METHODS, section 6)."""
    p = load_preset(preset).for_network(network)
    assert (p.network.name, p.network.decoder) == (network, decoder)
    assert p.network.scheme == load_preset(preset).network.scheme
    assert (p.learning_rate, p.batch, p.epochs) == figures
    if preset == "media2023":
        assert p.objective.contrastive_weight == p.objective_named("msc+mjap").contrastive_weight == weight
        assert p.objective_named("ssc").contrastive_weight == 0.1  # the weight by network is that of msc
        assert p.objective_named("ssc+mjap").prior_weight == 0.1
    else:
        assert p.objective.prior_weight == weight
    assert set(p.why) == set(load_preset(preset).why)


def test_a_prior_needs_a_reason_where_there_is_one():
    values = load_preset("combreg").model_dump()
    with pytest.raises(ValidationError, match="why must explain"):
        Preset.model_validate({**values, "prior": None})
