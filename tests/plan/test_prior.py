"""How auto-encoders are trained, by objective and preset."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pedseg.domains import load_domains
from pedseg.plan import AutoencoderSpec, DomainPlan, ObjectiveSpec, Plan, PriorSpec, prior_for


def plan(*names: str, **changes: object) -> Plan:
    parts = [DomainPlan(domain=domain, plane="axial", spacing_mm=0.5) for domain in load_domains(names)]
    return Plan.model_validate({"domains": parts, **changes})


def figures(spec: PriorSpec | None) -> tuple[object, ...]:
    assert spec
    auto = spec.autoencoder
    return auto.kind, auto.scheme, auto.objective.name, spec.learning_rate, spec.batch, spec.epochs


def test_the_papers_figures():
    """B table 1; D section 3.3; C section 3.2 (METHODS, section 6)."""
    assert figures(prior_for(ObjectiveSpec(name="msc+mjap"), "dsl")) == ("double", "dsl", "msc", 1e-4, 24, 8)
    assert figures(prior_for(ObjectiveSpec(name="mjap"), "shared")) == ("double", "shared", "ce", 1e-4, 24, 8)
    for name in ("shape", "shape+adv", "spar"):
        assert figures(prior_for(ObjectiveSpec(name=name), "dsl")) == ("single", "individual", "ce", 1e-2, 32, 10)
    assert prior_for(ObjectiveSpec(name="adv"), "dsl") is prior_for(ObjectiveSpec(name="msc"), "dsl") is None
    assert PriorSpec().autoencoder.contrastive_weight == 0.05


def test_a_presets_figures_go_before_the_papers_but_the_objective_says_which_auto_encoder():
    own = PriorSpec(autoencoder=AutoencoderSpec(channels=(4, 4, 4, 4, 4)), learning_rate=0.5, batch=3, epochs=2)
    found = prior_for(ObjectiveSpec(name="shape"), "individual", figures=own)
    assert figures(found) == ("single", "individual", "ce", 0.5, 3, 2)
    assert found.autoencoder.channels == (4, 4, 4, 4, 4)


@pytest.mark.parametrize(("scheme", "share"), [("dsl", 8), ("shared", 8), ("individual", 24)])
def test_domains_that_share_an_auto_encoder_share_its_batch(scheme, share):
    assert PriorSpec(autoencoder=AutoencoderSpec(scheme=scheme)).share(3) == share
    assert PriorSpec(batch=1).share(3) == 2


def test_a_plan_without_figures_takes_the_papers_and_keeps_its_digest():
    silent = plan("ankle", "knee", objective={"name": "msc+mjap"})
    assert silent.prior is None
    assert silent.shape_prior == PriorSpec()
    told = plan("ankle", "knee", objective={"name": "msc+mjap"}, prior={"epochs": 3})
    assert told.shape_prior == PriorSpec(epochs=3)
    assert told.resume_digest != silent.resume_digest
    assert plan("ankle", "knee").shape_prior is None
    assert "prior" not in plan("ankle", "knee").model_dump(exclude_defaults=True)


def test_a_prior_must_be_of_use():
    with pytest.raises(ValidationError, match="objective msc needs no auto-encoder: leave prior out"):
        plan("ankle", "knee", prior={})
    with pytest.raises(ValidationError, match=r"objective shape needs prior.autoencoder.scheme individual"):
        plan("ankle", "knee", objective={"name": "shape"}, prior={})
    values = plan("ankle", "knee", objective={"name": "mjap"}, prior={"batch": 6}).model_dump(by_alias=True)
    assert Plan.model_validate(values).prior == PriorSpec(batch=6)
