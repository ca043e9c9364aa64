"""Every network leaves pedseg through MONAI's own doors: one multi-domain file, each domain's own logits.

Networks are the papers' in full, with random weights whose norms and heads differ from domain to domain. The exports
of one network and one domain, and what one network loads, are quick; all others are run by `make test-slow`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from monai.bundle import ckpt_export, onnx_export
from monai.handlers import CheckpointLoader
from public_files import randomise
from torch import Tensor, nn

from pedseg.bundle import make_fold
from pedseg.domains import load_domains
from pedseg.networks import NETWORKS, SelectedNetwork, build_network, select_domain
from pedseg.plan import DomainPlan, Fold, NetworkSpec, Plan, load_plan

JOINTS = load_domains(("ankle", "knee", "shoulder"))
NAMES = tuple(d.name for d in JOINTS)
WINDOW = 32
QUICK = ("att_unet", "knee")
DOMAIN_OF = {network: NAMES[i % len(NAMES)] for i, network in enumerate(NETWORKS)}
"""One joint a network, where an export of all three would take many minutes."""


def networks() -> pytest.MarkDecorator:
    """All but one of them slow."""
    marked = [pytest.param(n, marks=() if n == QUICK[0] else pytest.mark.slow) for n in NETWORKS]
    return pytest.mark.parametrize("network", marked)


def exports(*, of_all: bool) -> pytest.MarkDecorator:
    """Networks and joints to export, all but one of them slow."""
    pairs = [(n, d) for n in NETWORKS for d in NAMES if of_all or n == QUICK[0] or d == DOMAIN_OF[n]]
    marked = [pytest.param(*pair, marks=() if pair == QUICK else pytest.mark.slow) for pair in pairs]
    return pytest.mark.parametrize(("network", "domain"), marked)


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _quiet_root() -> Iterator[None]:
    """MONAI's bundle commands set up logging for the whole process."""
    kept = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = kept


@pytest.fixture(scope="module", autouse=True)
def _free_the_networks() -> Iterator[None]:
    yield
    trained.cache_clear()


def planned(network: str) -> Plan:
    domains = tuple(DomainPlan(domain=d, plane="axial", spacing_mm=1, window=WINDOW) for d in JOINTS)
    return Plan(domains=domains, network=NetworkSpec(name=network), objective={"name": "ce"})


@cache
def trained(network: str) -> nn.Module:
    """All domains in one, ready to predict, logits of unit deviation; not to be changed."""
    net = build_network(NetworkSpec(name=network), JOINTS)
    randomise(net)
    for index, name in enumerate(NAMES):
        size = select_domain(net, name)(images()).std()
        for values in net.head(index).parameters():
            values.div_(size)
    return net


@pytest.fixture
def fold(network: str, tmp_path: Path) -> Path:
    """A fold as training leaves it."""
    folder = tmp_path / "fold_0"
    make_fold(folder, planned(network), "0", Fold(train={}))
    torch.save(trained(network).state_dict(), folder / "models/model.pt")
    return folder


def files(fold: Path) -> dict[str, str]:
    return {
        "ckpt_file": str(fold / "models/model.pt"),
        "config_file": str(fold / "configs/inference.yaml"),
        "meta_file": str(fold / "configs/metadata.json"),
        "bundle_root": str(fold),
    }


def images() -> Tensor:
    return torch.randn((1, 1, WINDOW, WINDOW), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def expected(network: str, domain: str) -> Tensor:
    """The domain's own logits; they differ from place to place, so that a constant would be noticed."""
    logits: Tensor = select_domain(trained(network), domain)(images())
    assert logits.shape[1] == JOINTS[NAMES.index(domain)].n_classes
    assert logits.std(dim=(2, 3)).min() > 0.01
    return logits


@networks()
@torch.no_grad()
def test_monais_loader_gives_each_domain_its_own_logits(network: str, fold: Path) -> None:
    seen = []
    for domain in NAMES:
        selected = SelectedNetwork(load_plan(fold / "configs/plan.json"), domain).eval()
        engine = Engine(lambda *_: None)
        CheckpointLoader(str(fold / "models/model.pt"), {"network": selected}, map_location="cpu").attach(engine)
        engine.run([0])
        seen.append(selected(images()))
        assert torch.equal(seen[-1], expected(network, domain))
    assert (seen[0][:, :3] - seen[2]).abs().max() > 0.01, "the domains must differ"


@exports(of_all=True)
@torch.no_grad()
def test_monai_exports_each_domain_as_torchscript(network: str, domain: str, fold: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.ts"
    ckpt_export("network_def", str(path), domain=domain, **files(fold))
    exported = torch.jit.load(str(path)).eval()
    with torch.jit.optimized_execution(False):
        assert (exported(images()) - expected(network, domain)).abs().max() < 1e-4


@exports(of_all=False)
@pytest.mark.filterwarnings("ignore")  # of torch's and onnxscript's own making
def test_monai_exports_each_domain_as_onnx(network: str, domain: str, fold: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    onnx_export(
        "network_def", str(path), domain=domain, input_shape=[1, 1, WINDOW, WINDOW],
        converter_kwargs={"input_names": ["image"], "output_names": ["pred"]}, **files(fold),
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["pred"], {"image": images().numpy()})
    assert (torch.from_numpy(logits) - expected(network, domain)).abs().max() < 1e-4
