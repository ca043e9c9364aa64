"""Rows 82 to 95 of the fault catalogue: what stops, damages or misleads a training."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from small_disk import fill, mounted
from tiny import JOINTS, change_plan, copied, log_rows, make_workspace, same_weights, train, write_exams
from training_faults import (
    EVEN,
    ODD,
    PIECES,
    checkpoints_of,
    contents,
    cut,
    emptied,
    flipped,
    holder,
    one_thread,
    poisoned,
    resealed,
)

from pedseg.bundle import TrainStep, ValidateStep
from pedseg.bundle.descent import Descent
from pedseg.bundle.generations import Generations
from pedseg.domains import load_domains
from pedseg.errors import InputError, ModelError, OutputError, TrainingError, UsageError
from pedseg.networks import make_multidomain
from pedseg.networks.unet import att_unet
from pedseg.plan import NetworkSpec, load_plan
from pedseg.storage.cache import read_entry
from pedseg_plan import PlanOptions, pedseg_plan
from pedseg_preprocess import pedseg_preprocess
from pedseg_train.__main__ import main
from pedseg_train.lock import held

FOLD = Path("runs/default/main/fold_0")


@dataclass(frozen=True)
class Bench:
    """What a row's function works with.

    Args:
        workspace: planned and in the cache, nothing trained; may be changed.
        run: fold 0 trained to its end, in another workspace; not to be changed.
        tmp: a folder for whatever else.
        patch, log, output: of pytest.
    """

    workspace: Path
    run: Path
    tmp: Path
    patch: pytest.MonkeyPatch
    log: pytest.LogCaptureFixture
    output: pytest.CaptureFixture[str]

    @property
    def fold(self) -> Path:
        """Fold 0 of the workspace."""
        return self.workspace / FOLD

    def begun(self) -> Path:
        """A copy of the trained workspace whose fold is not sealed: EVEN is of epoch 4, the last, ODD of epoch 3."""
        root = copied(self.run.parents[2], self.tmp / "begun")
        (root / FOLD / "run.json").unlink()  # a finished fold would be left alone
        return root

    def command(self, root: Path | None = None, *flags: str) -> int:
        """`pedseg_train 0`, in this process, without its test exams."""
        return main(["0", "-w", str(root or self.workspace), "--device", "cpu", "--no-test", *flags])

    def check_same(self, root: Path) -> None:
        """Weights and log are those of the unbroken training."""
        assert same_weights(root / FOLD, self.run / "fold_0")
        assert log_rows(root / FOLD) == log_rows(self.run / "fold_0")


@pytest.fixture
def bench(tiny_workspace: Path, tiny_run: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    patch, log, output = map(request.getfixturevalue, ("monkeypatch", "caplog", "capsys"))
    log.set_level(logging.INFO, "pedseg")
    return Bench(copied(tiny_workspace, tmp_path), tiny_run, tmp_path, patch, log, output)


def at_step(bench: Bench, step: int, act: Callable[[], object]) -> None:
    """Do something within a step of the next training."""
    whole = TrainStep.__call__

    def called(self: TrainStep, engine: Engine, batch: Any) -> dict[str, float]:
        if engine.state.iteration == step:
            act()
        return whole(self, engine, batch)

    bench.patch.setattr(TrainStep, "__call__", called)


def killed(bench: Bench) -> None:
    command = [sys.executable, "-m", "pedseg_train", "0", "-w", str(bench.workspace), "--device", "cpu", "--no-test"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=one_thread())
    until = time.monotonic() + 300
    while not (bench.fold / ODD).exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)  # somewhere in the second epoch
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert not (bench.fold / "run.json").exists()
    train(bench.workspace)
    bench.check_same(bench.workspace)


def asked_to_end(bench: Bench) -> None:
    """20 steps an epoch: step 27 is the seventh of the second."""
    at_step(bench, 27, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as end:
        bench.command()
    assert end.value.code == 143
    assert "ended from outside behind step 7 of epoch 2: run the same command again" in bench.output.readouterr().out
    state = Generations(bench.fold).newest()
    assert state is not None
    assert (state["epoch"], state["step"]) == (1, 7)
    assert torch.load(bench.fold / ODD, weights_only=True)["epoch"] == 1
    bench.patch.undo()
    assert bench.command() == 0
    assert "resuming behind step 7 of epoch 2 of 4" in bench.output.readouterr().out
    bench.check_same(bench.workspace)


def asked_to_end_at_the_last_step_of_an_epoch(bench: Bench) -> None:
    """Its validation is left to the next run, which makes it first."""
    at_step(bench, 20, lambda: os.kill(os.getpid(), signal.SIGHUP))
    with pytest.raises(SystemExit, match="143"):
        bench.command()
    state = Generations(bench.fold).newest()
    assert state is not None
    assert (state["epoch"], state["step"]) == (0, 20)
    assert not (bench.fold / "log.csv").exists()
    bench.patch.undo()
    assert bench.command() == 0
    assert "resuming behind step 20 of epoch 1 of 4" in bench.output.readouterr().out
    bench.check_same(bench.workspace)


def interrupted_in_validation(bench: Bench, epoch: int = 3) -> None:
    """No further slice is looked at; of the last epoch nothing but its validation is left to do."""
    whole, looks = ValidateStep.__call__, []

    def called(self: ValidateStep, engine: Engine, item: Any) -> Any:
        looks.append(engine.state.epoch)
        if engine.state.epoch == epoch and looks.count(epoch) == 1:
            signal.raise_signal(signal.SIGINT)
        return whole(self, engine, item)

    bench.patch.setattr(ValidateStep, "__call__", called)
    assert bench.command() == 130
    said = f"pedseg_train: interrupted behind the last step of epoch {epoch}: run the same command again to go on\n"
    assert bench.output.readouterr().err == said
    assert looks.count(epoch) == 1 < looks.count(1)
    bench.patch.undo()
    assert bench.command() == 0
    bench.check_same(bench.workspace)


def asked_twice(bench: Bench) -> None:
    """The second time nothing is waited for."""
    at_step(bench, 27, lambda: [os.kill(os.getpid(), signal.SIGTERM) for _ in range(2)])
    with pytest.raises(SystemExit, match="143"):
        bench.command()
    state = Generations(bench.fold).newest()
    assert state is not None
    assert (state["epoch"], state.get("step")) == (1, None)


def interrupted(bench: Bench) -> None:
    """One line, though ignite would say more where nobody listens to it; the step at hand is kept."""
    at_step(bench, 27, lambda: signal.raise_signal(signal.SIGINT))
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command() == 130
    said = "pedseg_train: interrupted behind step 7 of epoch 2: run the same command again to go on\n"
    assert bench.output.readouterr().err == said
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    bench.patch.undo()
    assert bench.command() == 0
    assert "resuming behind step 7 of epoch 2 of 4" in bench.output.readouterr().out
    bench.check_same(bench.workspace)


def interrupted_in_a_destructor(bench: Bench) -> None:
    """Where Python prints what is raised, and goes on."""

    class Gone:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    at_step(bench, 20, Gone)
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command() == 130
    said = "pedseg_train: interrupted behind the last step of epoch 1: run the same command again to go on\n"
    assert bench.output.readouterr().err == said
    assert not (bench.fold / "log.csv").exists()


def interrupted_twice(bench: Bench) -> None:
    """The second time nothing is waited for."""
    at_step(bench, 27, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command() == 130
    assert bench.output.readouterr().err == "pedseg_train: interrupted\n"
    state = Generations(bench.fold).newest()
    assert state is not None
    assert (state["epoch"], state.get("step")) == (1, None)


def interrupts_ignored(bench: Bench) -> None:
    """As `&` of a script does."""
    at_step(bench, 3, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert bench.command() == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def fewer_epochs_than_stand(bench: Bench) -> None:
    assert bench.command(bench.begun(), "--epochs", "2") == 0
    said = bench.output.readouterr().out
    assert "4 epochs stand, 2 are wanted: nothing left to train" in said
    assert "resuming behind" not in said


def killed_while_saving(bench: Bench) -> None:
    """Processes that do nothing but save 200 KB, each killed within a save or so behind its first."""
    generations = Generations(bench.tmp / "fold", "checkpoint")
    draw, kills = random.Random(0), 12
    last = 0
    for _ in range(kills):
        saved, told = os.pipe()
        process = os.fork()
        if not process:
            _save_for_ever(generations, last, told)
        os.read(saved, 1)
        time.sleep(draw.uniform(0, 0.03))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(told)
        seen = 1 + len(os.read(saved, 1000))  # the pipe has no writer any more: this ends
        os.close(saved)
        state = generations.newest()
        assert state is not None
        assert state["epoch"] >= last + seen
        assert bool((state["network"]["weight"] == state["epoch"]).all())
        last = state["epoch"]
    for epoch in (last + 1, last + 2):
        generations.save(_state(epoch))
    assert [path.name for path in (bench.tmp / "fold/models").iterdir() if path.name.startswith(".")] == []


def _save_for_ever(generations: Generations, epoch: int, told: int) -> None:
    while True:
        epoch += 1
        generations.save(_state(epoch))
        os.write(told, b".")


def _state(epoch: int) -> dict[str, Any]:
    parts = {"plan": "", "fold": "", "optimizer": {}, "history": []}
    return {**parts, "epoch": epoch, "network": {"weight": torch.full((50_000,), float(epoch))}}


def no_room_at_the_start(bench: Bench) -> None:
    usage = shutil.disk_usage(bench.tmp)
    bench.patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    assert bench.command() == 6
    said = bench.output.readouterr().err
    assert "PS-A106: no space left while writing the states of fold_0: " in said
    assert " MB wanted, 1.0 MB are free: free some, then run again" in said
    assert list((bench.fold / "models").iterdir()) == []
    bench.patch.undo()
    train(bench.workspace, epochs=1)


def full_disk(bench: Bench) -> None:
    """Somebody fills the disk in the second epoch: the first stands, and goes on once there is room."""
    with mounted(bench.tmp / "disk", kib=16 << 10) as disk:
        root = copied(bench.workspace, disk)
        at_step(bench, 25, lambda: fill(disk, leave_kib=300))
        assert bench.command(root) == 6
        said = bench.output.readouterr().err.strip()
        assert "pedseg_train: PS-A106: no space left while writing " in said
        assert said.endswith(" MB are free: free some, then run again")
        state = Generations(root / FOLD).newest()
        assert state is not None
        assert state["epoch"] == 1
        assert list(disk.rglob(".*partial*")) == []
        (disk / "ballast").unlink()
        bench.patch.undo()
        assert bench.command(root) == 0
        bench.check_same(root)


def full_while_writing(bench: Bench) -> None:
    """As where another program was faster than the look for room: the system itself ends the write."""
    usage = shutil.disk_usage(bench.tmp)
    with mounted(bench.tmp / "disk", kib=3 << 10) as disk:
        state = {"plan": "", "fold": "", "optimizer": {}, "history": [], "network": {"w": torch.ones(200_000)}}
        generations = Generations(disk)
        for epoch in (1, 2):
            generations.save({**state, "epoch": epoch})
        before = contents(disk)
        bench.patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 40))
        for epoch in (3, 4):
            fill(disk, leave_kib=400 * (epoch - 3))
            with pytest.raises(OutputError, match="PS-A106: no space left while writing checkpoint_"):
                generations.save({**state, "epoch": epoch})
            (disk / "ballast").unlink()
        assert contents(disk) == before


def damaged_cache(bench: Bench, name: str, damage: Callable[[Path], None]) -> None:
    """Training refuses it and touches nothing, preprocessing makes it again."""
    folder = bench.workspace / "cache/default/knee"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder / name)
    with pytest.raises(InputError, match=r"PS-A85: knee_2.*run pedseg_preprocess"):
        train(bench.workspace)
    assert not (bench.fold / "models/checkpoint_odd.pt").exists()
    assert pedseg_preprocess(bench.workspace).made == 1
    assert f"PS-W85: knee/{name}" in bench.log.text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def cache_of_a_former_version(bench: Bench) -> None:
    path = bench.workspace / "cache/default/knee/knee_2.json"
    values = {k: v for k, v in json.loads(path.read_text("utf-8")).items() if k != "digest"}
    path.write_text(json.dumps({**values, "schema": 1}), "utf-8")
    with pytest.raises(InputError, match=r"PS-A85: knee_2.json is not a cache manifest \(schema\)"):
        train(bench.workspace)
    assert pedseg_preprocess(bench.workspace).made == 1


def cache_of_another_plan(bench: Bench) -> None:
    part = bench.workspace / "plans/default/knee.json"
    part.write_text(json.dumps({**json.loads(part.read_text("utf-8")), "spacing_mm": 3.0}), "utf-8")
    with pytest.raises(InputError, match=r"PS-A85: knee/knee_2 was cached for plan"):
        train(bench.workspace)


def cache_of_another_exam(bench: Bench) -> None:
    """Whole files under another exam's name."""
    folder = bench.workspace / "cache/default/knee"
    for path in folder.glob("knee_1.*"):
        shutil.copyfile(path, folder / path.name.replace("knee_1", "knee_2"))
    with pytest.raises(InputError, match=r"PS-A85: knee_2.json is of knee_1: run pedseg_preprocess"):
        train(bench.workspace)


def damaged_checkpoint(bench: Bench, damage: Callable[[Path], None]) -> None:
    root = bench.begun()
    damage(root / FOLD / EVEN)
    state = Generations(root / FOLD).newest()
    assert state is not None
    assert state["epoch"] == 3
    assert "PS-W86: checkpoint_even.pt is damaged: the other generation is taken" in bench.log.text


def damaged_checkpoint_costs_an_epoch(bench: Bench) -> None:
    root = bench.begun()
    flipped(root / FOLD / EVEN)
    train(root)
    assert "PS-W86: checkpoint_even.pt is damaged" in bench.log.text
    assert "resuming behind epoch 3 of 4" in bench.log.text
    bench.check_same(root)


def two_damaged_checkpoints(bench: Bench) -> None:
    root = bench.begun()
    cut(root / FOLD / EVEN)
    flipped(root / FOLD / ODD)
    assert bench.command(root) == 5
    said = bench.output.readouterr().err
    assert "PS-A86: no checkpoint of fold_0 can be loaded: start over with --no-resume" in said


def damaged_weights(bench: Bench) -> None:
    """Of a finished fold: not finished any more, nor read by anyone."""
    from pedseg.inference import load_model

    root = copied(bench.run.parents[2], bench.tmp / "finished")
    flipped(root / FOLD / "models/model.pt")
    with pytest.raises(ModelError, match=r"PS-A86: fold_0/models/model.pt is missing or not the file run.json names"):
        load_model(root / FOLD).network("knee", torch.device("cpu"))


def damaged_weights_met_by_training(bench: Bench) -> None:
    """Nothing is sealed anew: one line says what helps, and what stands there stands."""
    root = copied(bench.run.parents[2], bench.tmp / "finished")
    flipped(root / FOLD / "models/model.pt")
    before = contents(root / FOLD)
    assert main(["0", "-w", str(root), "--device", "cpu"]) == 5
    advice = "copy it again, or train the fold again with --no-resume"
    text = f"PS-A86: fold_0/models/model.pt is missing or not the file run.json names: {advice}"
    assert bench.output.readouterr().err == f"pedseg_train: {text}\n"
    after = contents(root / FOLD)
    assert {path for path in after if after[path] != before.get(path)} <= {root / FOLD / "lock"}


def damaged_weights_of_an_unfinished_fold(bench: Bench) -> None:
    root = bench.begun()
    cut(root / FOLD / "models/model.pt")
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command(root) == 5
    said = "pedseg_train: PS-A86: model.pt cannot be read: train the fold again with --no-resume\n"
    assert bench.output.readouterr().err == said
    assert bench.command(root, "--no-resume", "--epochs", "1") == 0


def flipped_weights_of_an_unfinished_fold(bench: Bench) -> None:
    """They still load: only their checksum tells."""
    root = bench.begun()
    path = root / FOLD / "models/model.pt"
    whole = torch.load(path, weights_only=True)
    next(iter(whole.values())).view(-1)[0] += 1
    torch.save(whole, path)
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command(root) == 5
    what = "model.pt is not the file that was written: it was damaged, or replaced"
    assert bench.output.readouterr().err == f"pedseg_train: PS-A86: {what}: train the fold again with --no-resume\n"


def killed_between_weights_and_checksum(bench: Bench) -> None:
    """The checksum is of weights that were never put in place: those that stand are of the state's best epoch."""
    root = bench.begun()
    (root / FOLD / "models/model.sha256").write_text("0" * 64 + "\n", "utf-8")
    train(root)
    bench.check_same(root)


def killed_between_weights_and_state(bench: Bench) -> None:
    """The weights are of an epoch that no state knows: they are made again."""
    root = bench.begun()
    for path in (root / FOLD / EVEN, (root / FOLD / EVEN).with_suffix(".sha256")):
        path.unlink()
    train(root)
    bench.check_same(root)


def another_plan(bench: Bench) -> None:
    root = bench.begun()
    before = contents(root / FOLD)
    change_plan(root, schedule={"learning_rate": 1e-3}, augmentation={"flips": "both"})
    with pytest.raises(ModelError, match=r"PS-A87: fold_0 .*\(other augmentation.flips, schedule.learning_rate\)"):
        train(root)
    assert bench.command(root) == 5
    assert bench.output.readouterr().err.count("\n") == 1
    assert contents(root / FOLD) == before


def other_exams(bench: Bench) -> None:
    """A fold that has seen some of what would now be its test exams."""
    root = bench.begun()
    files = root / "plans/default/plan.json"
    values = json.loads(files.read_text("utf-8"))
    files.write_text(json.dumps({**values, "folds": values["folds"][1:]}), "utf-8")
    with pytest.raises(ModelError, match=r"PS-A87: .*other test.ankle, "):
        train(root)
    train(root, epochs=1, resume=False)


def other_slices(bench: Bench) -> None:
    """Exams whose files changed under the same names, and were preprocessed again."""
    root = bench.begun()
    exams = root / "raw/knee"
    for name in ("image.nii.gz", "labels.nii.gz"):
        shutil.copyfile(exams / "knee_0" / name, exams / "knee_2" / name)
    pedseg_preprocess(root)
    assert bench.command(root) == 5
    said = bench.output.readouterr().err
    assert "PS-A87: fold_0 was begun with other slices of knee/knee_2 than the cache holds now: name another" in said


def bad_losses(bench: Bench) -> None:
    """Weights of the checkpoint come back once, and are learned from at half the rate."""
    whole = Descent._skip

    def healed(self: Descent, *args: Any) -> None:
        whole(self, *args)
        if not self.skipped:  # it has returned
            bench.patch.undo()

    poisoned(bench.patch, 2, 3)
    bench.patch.setattr(Descent, "_skip", healed)
    folder = train(bench.workspace, epochs=2)
    assert bench.log.text.count("the step is left out") == 5
    assert "PS-W88: weights go back to those behind epoch 1: on at half the learning rate" in bench.log.text
    state = torch.load(folder / EVEN, weights_only=True)
    assert (state["rate"], state["epoch"]) == (0.5, 2)
    assert all(bool(torch.isfinite(v).all()) for v in state["network"].values())
    assert all(row["loss"] != "nan" for row in log_rows(folder))


def bad_losses_without_end(bench: Bench) -> None:
    poisoned(bench.patch, 3, 4)
    with pytest.raises(TrainingError, match="PS-A88: loss is not finite"):
        train(bench.workspace)
    assert torch.load(bench.fold / EVEN, weights_only=True)["epoch"] == 2
    assert not (bench.fold / "run.json").exists()


def bad_losses_from_the_start(bench: Bench) -> None:
    change_plan(bench.workspace, schedule={"learning_rate": 1e30})
    bench.patch.setattr(logging.getLogger(), "handlers", [])
    assert bench.command() == 8
    *warnings, last = bench.output.readouterr().err.strip().splitlines()
    assert last.startswith("pedseg_train: PS-A88: loss is not finite (ce ")
    assert warnings
    assert all(line.startswith("warning: PS-W88: ") for line in warnings)
    assert not (bench.fold / "models/model.pt").exists()


def bad_weights(bench: Bench) -> None:
    """Weights that are not finite are never kept."""
    root = bench.begun()
    kept = checkpoints_of(root / FOLD)
    network = kept.network
    before = (root / FOLD / "models/model.pt").read_bytes()
    for epoch in (5, 6):
        with torch.no_grad():
            next(network.buffers()).fill_(torch.nan)  # a running mean, which no step mends
        engine = Engine(lambda *_: None)
        kept.attach(engine)
        engine.state.epoch = epoch
        if epoch == 5:
            engine.fire_event(Events.EPOCH_COMPLETED)
            assert all(bool(torch.isfinite(v).all()) for v in network.state_dict().values())
            assert torch.load(root / FOLD / ODD, weights_only=True)["rate"] == 0.5
        else:
            with pytest.raises(TrainingError, match="PS-A88: weights of epoch 6 are not finite"):
                engine.fire_event(Events.EPOCH_COMPLETED)
    assert (root / FOLD / "models/model.pt").read_bytes() == before


def one_exam(bench: Bench) -> None:
    root = bench.tmp / "one"
    make_workspace(root, ("shoulder",), n=1, network={"channels": (4, 4, 4, 4, 4)})
    assert bench.command(root, "--epochs", "1") == 0
    assert "PS-W89: fold 0 has no validation exam of its own: training exams stand in" in bench.output.readouterr().err


def more_folds_than_exams(bench: Bench) -> None:
    root = bench.tmp / "few"
    write_exams(root, ("shoulder",))
    with pytest.raises(UsageError, match="PS-A89: 4 folds asked, shoulder has 3 patients: ask for at most 3"):
        pedseg_plan(("shoulder",), root, options=PlanOptions(preset="demo", window=32, folds="4"))


def one_domain(_bench: Bench) -> None:
    """A network made for several is, with one, the ordinary network."""
    spec, (joint, *_) = NetworkSpec(channels=(4, 6, 8, 10, 12)), load_domains(JOINTS)
    torch.manual_seed(0)
    plain = att_unet(spec, joint.n_classes)
    network = make_multidomain(plain, [joint])
    images = torch.randn((3, 1, 32, 48), generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(images, [3]).logits[0], plain(images))
    assert torch.equal(network.eval()(images, [3]).logits[0], plain.eval()(images))


def no_workers(bench: Bench) -> None:
    """Slices are mapped, not loaded by processes: there is nothing that could die alone."""
    seen: list[tuple[int, set[str]]] = []
    before = _children()
    at_step(bench, 12, lambda: seen.append((len(multiprocessing.active_children()), _children())))
    train(bench.workspace, epochs=1)
    ((pools, children),) = seen
    assert pools == 0
    assert children <= before


def _children() -> set[str]:
    lists = list(Path("/proc/self/task").glob("*/children"))
    if not lists:
        pytest.skip("this system does not list a process's children")
    return {child for path in lists for child in path.read_text("utf-8").split()}


def cache_cut_under_a_training(bench: Bench) -> None:
    """The system ends a process whose mapped file is cut: the next one names the exam."""
    folder = bench.workspace / "cache/default/knee"
    script = (
        "import os, sys; from pathlib import Path; from pedseg.storage.cache import read_entry\n"
        "folder = Path(sys.argv[1]); entry = read_entry(folder, 'knee_2', verify=True)\n"
        "os.truncate(folder / 'knee_2.image.npy', 200); entry.images[-1].sum()"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGBUS
    with pytest.raises(InputError, match=r"PS-A85: knee_2.image.npy: wanted \d+ bytes, got 200 bytes"):
        train(bench.workspace)


def cache_replaced_under_a_training(bench: Bench) -> None:
    """Preprocessing replaces files: what a training has mapped stays as it was."""
    folder = bench.workspace / "cache/default/knee"
    entry = read_entry(folder, "knee_2", verify=True)
    before = entry.images.sum(dtype=float)
    inode = (folder / "knee_2.image.npy").stat().st_ino
    pedseg_preprocess(bench.workspace, overwrite=True)
    assert (folder / "knee_2.image.npy").stat().st_ino != inode
    assert entry.images.sum(dtype=float) == before


def two_at_once(bench: Bench) -> None:
    root = bench.begun()
    before = contents(root / FOLD)
    process = holder(root / FOLD)
    try:
        with pytest.raises(TrainingError, match=rf"PS-A92: fold_0 is trained by process {process.pid} on .* since 20"):
            train(root)
        assert bench.command(root) == 8
        with held((root / FOLD).with_name("fold_1")):
            pass
    finally:
        process.kill()
        process.communicate()
    assert contents(root / FOLD) == before


def stale_lock(bench: Bench) -> None:
    """The lock of a process that is gone holds nobody up."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = holder(bench.tmp / "fold_0")
        process.send_signal(number)
        process.communicate()
        with held(bench.tmp / "fold_0"):
            pass


def another_machine(bench: Bench) -> None:
    root = bench.begun()
    (root / FOLD / EVEN).unlink()
    resealed(root / FOLD / ODD, machine={"torch": "2.10.0", "device": "cuda"})
    train(root)
    here = f"torch {torch.__version__}, device cpu, threads {torch.get_num_threads()}"
    assert f"PS-W93: begun with torch 2.10.0, device cuda, goes on with {here}: weights will differ" in bench.log.text
    bench.check_same(root)  # since the machine is the same in truth


def the_same_machine(bench: Bench) -> None:
    root = bench.begun()
    (root / FOLD / EVEN).unlink()
    train(root)
    assert "PS-W93" not in bench.log.text


def weights_only(bench: Bench) -> None:
    """One of two costs an epoch, two are refused."""
    root = bench.begun()
    for name, outcome in ((EVEN, 3), (ODD, None)):
        shutil.copyfile(root / FOLD / "models/model.pt", root / FOLD / name)
        resealed(root / FOLD / name)
        if outcome:
            state = Generations(root / FOLD).newest()
            assert state is not None
            assert state["epoch"] == outcome
            assert "PS-W86: checkpoint_even.pt holds no state of a training" in bench.log.text
    assert bench.command(root) == 5
    said = bench.output.readouterr().err
    assert "PS-A94: checkpoints of fold_0 hold no state of a training (optimizer, history): start over" in said


def moved(bench: Bench) -> None:
    """No file knows where the workspace stood; it goes on elsewhere to the same bits."""
    former = str(bench.run.parents[2]).encode()
    root = bench.begun()
    places = [path for path in root.rglob("*") if path.is_file() and former in path.read_bytes()]
    assert places == []
    assert not load_plan(root / "plans/default").encoder_weights.source.startswith("/")
    elsewhere = bench.tmp / "another name"
    root.rename(elsewhere)
    (elsewhere / FOLD / EVEN).unlink()
    train(elsewhere)
    assert "resuming behind epoch 3 of 4" in bench.log.text
    bench.check_same(elsewhere)


ROWS: dict[str, Callable[[Bench], None]] = {
    "82-kill": killed,
    "82-term": asked_to_end,
    "82-term-epoch": asked_to_end_at_the_last_step_of_an_epoch,
    "82-term-twice": asked_twice,
    "82-interrupt": interrupted,
    "82-interrupt-destructor": interrupted_in_a_destructor,
    "82-interrupt-validation": interrupted_in_validation,
    "82-interrupt-last-validation": lambda bench: interrupted_in_validation(bench, epoch=4),
    "82-interrupt-twice": interrupted_twice,
    "82-interrupt-ignored": interrupts_ignored,
    "82-fewer": fewer_epochs_than_stand,
    "83": killed_while_saving,
    "83-between-weights-and-checksum": killed_between_weights_and_checksum,
    "83-between-weights-and-state": killed_between_weights_and_state,
    "84-start": no_room_at_the_start,
    "84-full": full_disk,
    "84-late": full_while_writing,
    "85-image": lambda bench: damaged_cache(bench, "knee_2.image.npy", flipped),
    "85-labels": lambda bench: damaged_cache(bench, "knee_2.labels.npy", flipped),
    "85-manifest": lambda bench: damaged_cache(bench, "knee_2.json", flipped),
    "85-half": lambda bench: damaged_cache(bench, "knee_2.image.npy", cut),
    "85-empty": lambda bench: damaged_cache(bench, "knee_2.json", emptied),
    "85-version": cache_of_a_former_version,
    "85-plan": cache_of_another_plan,
    "85-exam": cache_of_another_exam,
    "86": damaged_checkpoint_costs_an_epoch,
    **{f"86-{name}": lambda bench, damage=damage: damaged_checkpoint(bench, damage) for name, damage in PIECES.items()},
    "86-both": two_damaged_checkpoints,
    "86-weights": damaged_weights,
    "86-weights-train": damaged_weights_met_by_training,
    "86-weights-begun": damaged_weights_of_an_unfinished_fold,
    "86-weights-begun-flipped": flipped_weights_of_an_unfinished_fold,
    "87-plan": another_plan,
    "87-exams": other_exams,
    "87-slices": other_slices,
    "88-return": bad_losses,
    "88-stop": bad_losses_without_end,
    "88-start": bad_losses_from_the_start,
    "88-weights": bad_weights,
    "89-one": one_exam,
    "89-folds": more_folds_than_exams,
    "90": one_domain,
    "91": no_workers,
    "91-cut": cache_cut_under_a_training,
    "91-replaced": cache_replaced_under_a_training,
    "92": two_at_once,
    "92-stale": stale_lock,
    "93": another_machine,
    "93-same": the_same_machine,
    "94": weights_only,
    "95": moved,
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, bench: Bench) -> None:
    ROWS[row](bench)
