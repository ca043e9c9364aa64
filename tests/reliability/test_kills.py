"""SIGKILL at random moments of preprocess, train and predict; and whether the soak would see a fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from tiny import copied, write_exams

from benchmarks.kill_targets import LostError, Predict, Preprocess, Train, WrongError
from benchmarks.kills import JOBS, Outcome, Soak, soak
from pedseg.bundle.generations import Generations
from pedseg.workspace import Workspace


@pytest.fixture
def place(tiny_shape_run: Path, tmp_path: Path) -> Workspace:
    """A workspace, trained with anatomical priors, that may be changed."""
    return Workspace(copied(tiny_shape_run.parents[2], tmp_path))


def test_a_kill_of_preprocessing(place: Workspace) -> None:
    """The other jobs' kills are rows 82 and, slow, below: their processes take seconds to start."""
    outcome = Soak(Preprocess(place), random.Random(0)).run(1)
    assert (outcome.kills, outcome.faults) == (1, [])
    assert outcome.ended >= 1


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_five_kills_of_each_job(place: Workspace, job: str) -> None:
    ((name, outcome),) = soak(place, {**dict.fromkeys(JOBS, 0), job: 5}, seed=1)
    assert (name, outcome.survived, outcome.faults) == (job, 5, [])
    assert outcome.aimed >= 1


def test_an_entry_that_is_half_written_would_be_seen(place: Workspace) -> None:
    target = Preprocess(place)
    target.expected = target.digests()
    target.look()
    path = target.made / "default/knee/knee_1.labels.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WrongError, match=r"PS-A85: knee_1.labels.npy"):
        target.look()
    (target.made / "default/knee/knee_1.json").unlink()
    target.look()  # absent
    with pytest.raises(WrongError, match=r"not as an unbroken run makes it: default/knee/knee_1.json, default"):
        target.check_ended(0)


def test_checkpoints_of_two_epochs_ago_and_other_weights_would_be_seen(place: Workspace) -> None:
    target = Train(place)
    target.expected = target.digests()
    target.check_ended(0)
    target.log.write_text("prior: epoch 2/2: loss 0.1\nepoch 2/2: loss 0.1\n", "utf-8")
    target.look()
    (even, odd) = Generations(target.made).paths
    even.unlink()
    target.look()
    odd.write_bytes(b"")
    with pytest.raises(LostError, match="PS-A86"):
        target.look()
    odd.unlink()
    with pytest.raises(LostError, match=r"^epoch 2 was told of, the newest checkpoint is of epoch 0"):
        target.look()
    weights = target.made / "models/model.pt"
    state = torch.load(weights, weights_only=True)
    torch.save({k: v + 1 for k, v in state.items()}, weights)
    with pytest.raises(WrongError, match=r"models/model\.pt"):
        target.check_ended(0)


def test_an_auto_encoder_that_is_lost_or_another_would_be_seen(place: Workspace) -> None:
    target = Train(place)
    target.expected = target.digests()
    assert {"models/prior.pt", "models/prior.json", "prior.csv"} <= set(target.expected)
    target.log.write_text("fold 0: training\nprior: epoch 2/2: loss 0.1\n", "utf-8")
    target.look()
    (target.made / "run.json").unlink()
    assert target.stage == "network"
    weights = target.made / "models/prior.pt"
    state = torch.load(weights, weights_only=True)
    torch.save({k: v + 1 for k, v in state.items()}, weights)
    with pytest.raises(WrongError, match=r"kept, but not as an unbroken run makes it: models/prior\.pt"):
        target.look()
    weights.unlink()
    (target.made / "models/prior.json").unlink()
    assert target.stage == "auto-encoder"
    with pytest.raises(LostError, match="prior: epoch 2 was told of, the newest prior is of epoch 0"):
        target.look()


def test_half_a_prediction_of_a_left_out_exam_would_be_seen(place: Workspace) -> None:
    target = Train(place)
    exam = target.made / "test/knee/knee_0"
    exam.mkdir(parents=True)
    (exam / "labels.nii.gz").touch()
    target.expected = {**target.digests(), "test/knee/knee_0/prediction.json": ""}
    with pytest.raises(WrongError, match=r"makes it: test/knee/knee_0/prediction\.json"):
        target.look()
    (exam / "labels.nii.gz").unlink()
    target.log.write_text("fold 0: training\n  test/knee/knee_0: 0.4 s\n", "utf-8")
    assert target.stage == "left-out exams"
    with pytest.raises(LostError, match="told of and are not there: test/knee/knee_0"):
        target.look()


def test_half_an_output_and_what_is_left_beside_it_would_be_seen(tmp_path: Path) -> None:
    write_exams(tmp_path, ("shoulder",), n=1)
    target = Predict(Workspace(tmp_path))
    target.look()
    target.made.mkdir(parents=True)
    (target.made / "labels.nii.gz").touch()
    target.expected = {"labels.nii.gz": "", "prediction.json": ""}
    with pytest.raises(WrongError, match="the output is there, but not as an unbroken run makes it"):
        target.look()
    assert not target.made.exists()
    target.expected = target.digests()
    target.check_ended(0)
    target.log.write_text("warning\npedseg_predict: PS-A86: x\n", "utf-8")
    with pytest.raises(LostError, match="exit code 5: pedseg_predict: PS-A86: x"):
        target.check_ended(5)
    (target.made.parent / ".exam.partial-1-2-3").mkdir()
    with pytest.raises(WrongError, match=r"partial files are left: \.exam\.partial-1-2-3"):
        target.check_ended(0)


def test_faults_are_counted_by_kind() -> None:
    outcome = Outcome(1.0, kills=5)
    outcome.note(LostError("a"))
    outcome.note(WrongError("b"))
    assert (outcome.survived, outcome.lost, outcome.wrong, outcome.faults) == (3, 1, 1, ["lost: a", "wrong: b"])
