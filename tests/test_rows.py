"""The papers' tables by name: every row that can be named is planned by its name and takes one step of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import write_exams

from pedseg.bundle import TrainStep, training_judge
from pedseg.bundle.recipe import Recipe
from pedseg.data.dataset import Batch
from pedseg.losses import Objective
from pedseg.networks import ShapeEncoder, build_autoencoder, build_network
from pedseg.plan import Fold, Plan
from pedseg.plan.fingerprint import Fingerprint
from pedseg.workspace import Workspace
from pedseg_plan import PlanOptions
from pedseg_plan.decide import decide
from pedseg_plan.sources import Source, find_sources
from pedseg_plan.survey import fingerprint, survey

JOINTS = ("ankle", "knee")
WINDOW, SHARE = 32, 2


@dataclass(frozen=True)
class Row:
    """A row of a table: what it is called there, and here."""

    table: str
    row: str
    preset: str
    network: str
    scheme: str
    objective: str
    strategy: str = "multi"

    def __str__(self) -> str:
        return f"{self.table}: {self.row}"


ROWS = (
    Row("A table 1", "UNet Base", "miccai2021", "unet", "individual", "ce"),
    Row("A table 1", "UNet Joint", "miccai2021", "unet", "shared", "ce"),
    Row("A table 1", "UNet DSL", "miccai2021", "unet", "dsl", "ce"),
    Row("A table 1", "Att-UNet Base", "miccai2021", "att_unet", "individual", "ce"),
    Row("A table 1", "Att-UNet Joint", "miccai2021", "att_unet", "shared", "ce"),
    Row("A table 1", "Att-UNet DSL", "miccai2021", "att_unet", "dsl", "ce"),
    Row("A table 1", "Proposed", "miccai2021", "unet", "dsl", "ssc"),
    Row("B table 2", "Individual", "media2023", "att_unet", "individual", "ce"),
    Row("B table 2", "Transfer", "media2023", "att_unet", "transfer", "ce"),
    Row("B table 2", "Shared", "media2023", "att_unet", "shared", "ce"),
    Row("B table 2", "DSL", "media2023", "att_unet", "dsl", "ce"),
    Row("B table 2", "DSL + SSC", "media2023", "att_unet", "dsl", "ssc"),
    Row("B table 2", "DSL + MSC", "media2023", "att_unet", "dsl", "msc"),
    Row("B table 2", "Shared + MJAP", "media2023", "att_unet", "shared", "mjap"),
    Row("B table 2", "DSL + MJAP", "media2023", "att_unet", "dsl", "mjap"),
    Row("B table 2", "DSL + SSC + MJAP", "media2023", "att_unet", "dsl", "ssc+mjap"),
    Row("B table 2", "DSL + MSC + MJAP", "media2023", "att_unet", "dsl", "msc+mjap"),
    Row("B table 3", "Inception-UNet Proposed", "media2023", "inception_unet", "dsl", "msc+mjap"),
    Row("B table 3", "Dense-UNet Proposed", "media2023", "dense_unet", "dsl", "msc+mjap"),
    Row("B table 3", "Efficient-UNet Proposed", "media2023", "efficient_unet", "dsl", "msc+mjap"),
    Row("B table 3", "Inception-UNet Individual", "media2023", "inception_unet", "individual", "ce"),
    Row("B table 3", "Dense-UNet Individual", "media2023", "dense_unet", "individual", "ce"),
    Row("B table 3", "Efficient-UNet Individual", "media2023", "efficient_unet", "individual", "ce"),
    Row("B table 3", "Inception-UNet Shared + MJAP", "media2023", "inception_unet", "shared", "mjap"),
    Row("B table 3", "Dense-UNet Shared + MJAP", "media2023", "dense_unet", "shared", "mjap"),
    Row("B table 3", "Efficient-UNet Shared + MJAP", "media2023", "efficient_unet", "shared", "mjap"),
    Row("C table 1", "Base. UNet", "isbi2021", "unet", "individual", "ce"),
    Row("C table 1", "Shape", "isbi2021", "unet", "individual", "shape"),
    Row("C table 1", "Adv", "isbi2021", "unet", "individual", "adv"),
    Row("C table 1", "SPAR", "isbi2021", "unet", "individual", "spar"),
    Row("D table 2", "Att-UNet Multi Shape", "combreg", "att_unet", "individual", "shape"),
    Row("D table 2", "Att-UNet Multi Adv", "combreg", "att_unet", "individual", "adv"),
    Row("D table 2", "Att-UNet Multi Combined", "combreg", "att_unet", "individual", "shape+adv"),
    Row("D table 2", "Att-UNet Individual Combined", "combreg", "att_unet", "individual", "shape+adv", "individual"),
    Row("D table 2", "Att-UNet Global Combined", "combreg", "att_unet", "individual", "shape+adv", "global"),
    Row("D table 2", "Att-UNet Individual Shape", "combreg", "att_unet", "individual", "shape", "individual"),
    Row("D table 2", "Att-UNet Individual Adv", "combreg", "att_unet", "individual", "adv", "individual"),
    Row("D table 2", "Att-UNet Global Shape", "combreg", "att_unet", "individual", "shape", "global"),
    Row("D table 2", "Att-UNet Global Adv", "combreg", "att_unet", "individual", "adv", "global"),
    Row("D table 3", "VGG Multi Combined", "combreg", "vgg_unet", "individual", "shape+adv"),
    Row("D table 3", "Dense Multi Combined", "combreg", "dense_unet", "individual", "shape+adv"),
    Row("D table 3", "Res Multi Combined", "combreg", "res_unet", "individual", "shape+adv"),
    Row("D table 2", "Att-UNet Multi Base", "combreg", "att_unet", "individual", "ce"),
    Row("D table 2", "Att-UNet Individual Base", "combreg", "att_unet", "individual", "ce", "individual"),
    Row("D table 2", "Att-UNet Global Base", "combreg", "att_unet", "individual", "ce", "global"),
    Row("D table 3", "VGG Multi Base", "combreg", "vgg_unet", "individual", "ce"),
    Row("D table 3", "Dense Multi Base", "combreg", "dense_unet", "individual", "ce"),
    Row("D table 3", "Res Multi Base", "combreg", "res_unet", "individual", "ce"),
)


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Source, ...], Fingerprint]:
    """One exam of two joints, read once."""
    root = tmp_path_factory.mktemp("rows")
    write_exams(root, JOINTS, n=1)
    sources = find_sources(JOINTS, Workspace(root))
    return sources, fingerprint(sources, survey(sources, None, 1))


def marked(row: Row) -> object:
    """Rows of the larger networks are run by `make test-slow`."""
    slow = () if row.network in ("unet", "att_unet") else pytest.mark.slow
    return pytest.param(row, marks=slow, id=str(row))


@pytest.mark.parametrize("row", list(map(marked, ROWS)))
def test_a_row_is_planned_by_its_name_and_trains(
    row: Row, surveyed: tuple[tuple[Source, ...], Fingerprint], tmp_path: Path
) -> None:
    plan = decide(*surveyed, options_of(row))
    network = plan.network
    assert (network.name, network.scheme, network.strategy) == (row.network, row.scheme, row.strategy)
    assert (plan.objective.name, plan.preset) == (row.objective, row.preset)
    assert network.decoder == ("upsample" if row.table.startswith("B") else "transposed")
    told, changed = one_step(plan, tmp_path)
    judged = {"discriminator"} if plan.objective.needs_discriminator else set()
    assert set(told) == {"loss", "ce", *plan.objective.weights, *judged}
    assert torch.tensor(list(told.values())).isfinite().all()
    assert changed == 1


def options_of(row: Row) -> PlanOptions:
    batch = SHARE if row.scheme in ("individual", "transfer") else SHARE * len(JOINTS)
    return PlanOptions(
        preset=row.preset, network=row.network, scheme=row.scheme, objective=row.objective,
        strategy=row.strategy,
        encoder_weights="none", window=WINDOW, batch=batch, precision="float32",
    )  # fmt: skip


def one_step(plan: Plan, folder: Path) -> tuple[dict[str, float], float]:
    """What a step tells, and the share of the convolutions that it changed."""
    domains = [part.domain for part in plan.domains]
    network = build_network(plan.network, domains)
    recipe = Recipe(folder, plan, "0", Fold(train={}), folder)
    judge = training_judge(recipe, torch.device("cpu"))
    prior = plan.shape_prior and ShapeEncoder(build_autoencoder(plan.shape_prior.autoencoder, domains))
    before = {k: v.clone() for k, v in network.named_parameters() if v.dim() == 4}
    engine = SimpleNamespace(
        network=network, optimizer=torch.optim.Adam(network.parameters(), lr=plan.schedule.learning_rate),
        loss_function=Objective(
            plan.objective, len(plan.domains), coding=plan.coding, encoder=prior,
            discriminator=judge.network if judge else None,
        ),
        state=SimpleNamespace(device=torch.device("cpu"), iteration=1, max_epochs=1, epoch_length=1),
    )  # fmt: skip
    told = TrainStep(recipe, judge=judge)(engine, batch_for(plan))  # type: ignore[arg-type]
    changed = [not torch.equal(v, before[k]) for k, v in network.named_parameters() if k in before]
    return told, sum(changed) / len(changed)


def batch_for(plan: Plan) -> Batch:
    """Noise, and labels of every structure of each joint."""
    sizes = (plan.share,) * len(plan.domains)
    draw = torch.Generator().manual_seed(0)
    labels = [
        torch.randint(part.domain.n_classes, (n, WINDOW, WINDOW), generator=draw, dtype=torch.uint8)
        for part, n in zip(plan.domains, sizes, strict=True)
    ]
    return Batch(torch.randn((sum(sizes), 1, WINDOW, WINDOW), generator=draw), torch.cat(labels), sizes)
