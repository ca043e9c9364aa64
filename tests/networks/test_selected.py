"""The bundle's network: one checkpoint, any domain, through MONAI's own loaders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.errors import ModelError
from pedseg.networks import SelectedNetwork, build_network, select_domain
from pedseg.plan import DomainPlan, NetworkSpec, Plan, embed_plan

JOINTS = load_domains(("ankle", "knee", "shoulder"))
SCHEMES = ("dsl", "shared", "individual", "bones", "union")
STRATEGIES = {"bones": "individual", "union": "global"}  # of D
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def _plan(scheme: str = "dsl", n: int = 3) -> Plan:
    domains = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=0.5, window=32) for d in JOINTS[:n])
    strategy = STRATEGIES.get(scheme, "multi")
    scheme = "individual" if scheme in STRATEGIES else scheme
    network = NetworkSpec(scheme=scheme, strategy=strategy, channels=(4, 6, 8, 10, 12))
    return Plan(domains=domains, network=network, objective={"name": "ce"})


def _trained(plan: Plan) -> nn.Module:
    """The plan's network with every weight and statistic drawn at random, each domain's its own."""
    network = build_network(plan.network, [d.domain for d in plan.domains], seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=generator) * 0.2)
    return network.eval()


def _image() -> Tensor:
    return torch.randn((2, 1, 32, 32), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("domain", [d.name for d in JOINTS])
@torch.no_grad()
def test_multidomain_weights_give_the_selected_domain(scheme: str, domain: str) -> None:
    plan = _plan(scheme)
    trained = _trained(plan)
    network = SelectedNetwork(plan, domain).eval()
    network.load_state_dict(trained.state_dict())
    expected = select_domain(trained, domain)
    assert torch.equal(network(_image()), expected(_image()))
    assert all(torch.equal(a, b) for a, b in zip(network.stages(_image()), expected.stages(_image()), strict=True))
    assert {type(m).__name__ for m in network.modules()}.isdisjoint({"DomainBatchNorm2d", "DomainHeads"})


@pytest.mark.parametrize("n", [1, 3])
@torch.no_grad()
def test_its_own_weights_load_too(n: int) -> None:
    plan = _plan(n=n)
    first, second = (SelectedNetwork(plan, "ankle").eval() for _ in range(2))
    first.load_state_dict(_trained(plan).state_dict())
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(_image()), second(_image()))


def test_one_domain_loads_from_its_multidomain_network() -> None:
    plan = _plan(n=1)
    trained = _trained(plan)
    network = SelectedNetwork(plan, "ankle").eval()
    network.load_state_dict(trained.state_dict())
    assert torch.equal(network(_image()), trained(_image(), [2]).logits[0])


def test_the_plan_may_be_a_file(tmp_path: Path) -> None:
    embed_plan(_plan(), tmp_path / "plan.json")
    assert SelectedNetwork(str(tmp_path / "plan.json"), "knee")(_image()).shape == (2, 5, 32, 32)
    assert SelectedNetwork(tmp_path / "plan.json", "shoulder")(_image()[..., None]).shape == (2, 3, 32, 32, 1)


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ModelError, match="PS-A124: no domain 'hip' in this model"):
        SelectedNetwork(_plan(), "hip")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (lambda state, key: state.pop(key), r"1 missing \(network.*\)"),
        (lambda state, _: state.update(more=torch.zeros(1)), r"1 unknown \(more\)"),
        (lambda state, key: state.update({key: torch.zeros(7, 7)}), r"1 of another shape \(network.*\)"),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_weights_that_do_not_match_are_refused(strict: bool, own: bool, fault: object, text: str) -> None:
    plan = _plan()
    network = SelectedNetwork(plan, "knee")
    state = dict((SelectedNetwork(plan, "knee") if own else _trained(plan)).state_dict())
    fault(state, next(iter(state)))  # type: ignore[operator]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(ModelError, match=f"PS-A102: .*{text}"):
        network.load_state_dict(state, strict=strict)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()), "nothing may be half loaded"


def test_weights_of_another_scheme_or_set_of_domains_are_refused() -> None:
    for other in (_plan("individual"), _plan("shared"), _plan("union"), _plan(n=2)):
        with pytest.raises(ModelError, match="PS-A102"):
            SelectedNetwork(_plan(), "ankle").load_state_dict(_trained(other).state_dict())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("nested", [True, False])
def test_monai_checkpoint_loader(tmp_path: Path, scheme: str, nested: bool) -> None:
    from ignite.engine import Engine
    from monai.handlers import CheckpointLoader

    plan = _plan(scheme)
    trained = _trained(plan)
    torch.save({"network": trained.state_dict()} if nested else trained.state_dict(), tmp_path / "model.pt")
    network = SelectedNetwork(plan, "shoulder").eval()
    engine = Engine(lambda *_: None)
    CheckpointLoader(str(tmp_path / "model.pt"), {"network": network}, map_location="cpu").attach(engine)
    engine.run([0])
    assert torch.equal(network(_image()), select_domain(trained, "shoulder")(_image()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_monai_loading_by_shape_is_refused(tmp_path: Path, scheme: str) -> None:
    """`copy_model_state` keeps what fits by name and shape: the norms, or all, would stay untrained without a word."""
    from ignite.engine import Engine
    from monai.handlers import CheckpointLoader
    from monai.networks.utils import copy_model_state

    plan = _plan(scheme)
    torch.save(_trained(plan).state_dict(), tmp_path / "model.pt")
    network = SelectedNetwork(plan, "ankle")
    with pytest.raises(ModelError, match=r"PS-A102: .* are not from a file"):
        copy_model_state(network, torch.load(tmp_path / "model.pt", weights_only=True))
    engine = Engine(lambda *_: None)
    loader = CheckpointLoader(str(tmp_path / "model.pt"), {"network": network}, strict=False, strict_shape=False)
    loader.attach(engine)
    engine.logger.disabled = True
    with pytest.raises(ModelError, match=r"PS-A102: .* are not from a file"):
        engine.run([0])


def _bundle(root: Path, plan: Plan, domain: str) -> dict[str, str]:
    """Files of the smallest bundle around a checkpoint."""
    (root / "configs").mkdir()
    embed_plan(plan, root / "configs/plan.json")
    torch.save(_trained(plan).state_dict(), root / "model.pt")
    definition = {"_target_": "pedseg.networks.SelectedNetwork", "plan": "@plan", "domain": "@domain"}
    config = {"plan": str(root / "configs/plan.json"), "domain": domain, "network_def": definition}
    (root / "configs/inference.json").write_text(json.dumps(config))
    image = {"num_channels": 1, "spatial_shape": ["32*n", "32*n", "*"], "dtype": "float32"}
    pred = {"num_channels": plan.predicted(domain).domain.n_classes, "dtype": "float32"}
    formats = {"inputs": {"image": image}, "outputs": {"pred": pred}}
    (root / "configs/metadata.json").write_text(json.dumps({"network_data_format": formats}))
    return {k: str(root / f"configs/{k}.json") for k in ("inference", "metadata")}


@pytest.mark.parametrize(
    ("scheme", "domain"),
    [*((s, d) for s in SCHEMES[:-2] for d in ("ankle", "knee")), ("bones", "shoulder"), ("union", "ankle")],
)
def test_monai_exports_torchscript(tmp_path: Path, scheme: str, domain: str) -> None:
    from monai.bundle import ckpt_export, verify_net_in_out

    plan = _plan(scheme)
    files = _bundle(tmp_path, plan, domain)
    verify_net_in_out("network_def", files["metadata"], files["inference"], device="cpu")
    target = tmp_path / "model.ts"
    ckpt_export("network_def", str(target), str(tmp_path / "model.pt"), files["metadata"], files["inference"])
    exported = torch.jit.load(str(target)).eval()
    expected = select_domain(_trained(plan), domain)
    assert torch.allclose(exported(_image()), expected(_image()), atol=1e-4)
    volume = _image()[..., None].repeat(1, 1, 1, 1, 2)
    assert torch.allclose(exported(volume), expected(volume), atol=1e-4)
