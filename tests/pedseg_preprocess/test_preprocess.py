"""The preprocess job on small NIfTI exams: what it writes, what it keeps, what it survives."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time

import numpy as np
import pytest

from pedseg.domains import Domain
from pedseg.plan import DomainPlan, Plan, load_plan, save_plan
from pedseg.storage.cache import read_entry
from pedseg.volumes import Volume
from pedseg.volumes.nifti import write_nifti
from pedseg.workspace import Workspace
from pedseg_preprocess import pedseg_preprocess
from pedseg_preprocess.__main__ import main
from pedseg_preprocess.job import ceiling_table

SHAPE = (40, 36, 6)
BOX = Domain.model_validate(
    {
        "name": "box",
        "structures": [{"name": "big", "color": "#ff0000"}, {"name": "small", "color": "#00ff00", "source_value": 7}],
    }
)


def _write_exam(space, case, seed=0, spoil=None):
    rng = np.random.default_rng(seed)
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    image = rng.integers(0, 500, SHAPE).astype(np.int16)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[8:24, 8:22, 1:4] = 1
    labels[28:33, 20:27, 3] = 7
    image[labels > 0] += 400
    if spoil == "constant":
        image[:] = 5
    if spoil == "labels":
        labels[0, 0, 0] = 9
    folder = space.raw("box") / case
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(image, affine), folder / "image.nii.gz")
    write_nifti(Volume(labels, affine), folder / "labels.nii.gz")
    return image, labels


def _workspace(tmp_path, cases=("a", "b"), **changes):
    space = Workspace(tmp_path)
    for seed, case in enumerate(cases):
        _write_exam(space, case, seed)
    values = {"domain": BOX, "plane": "axial", "spacing_mm": 1.0, "window": 48, "cases": {c: c for c in cases}}
    plan = Plan(domains=(DomainPlan(**{**values, **changes}),), objective={"name": "ce"})
    save_plan(plan, space.plan("default"))
    return space


def _stamps(space):
    return {f.name: f.stat().st_mtime_ns for f in space.cache("default", "box").iterdir()}


def test_at_the_exams_own_spacing_the_cache_is_the_normalised_exam_turned_and_padded(tmp_path):
    space = _workspace(tmp_path, cases=())
    image, labels = _write_exam(space, "a")
    plan = load_plan(space.plan("default").plan)
    part = plan.domains[0].model_copy(update={"cases": {"a": "a"}})
    save_plan(plan.model_copy(update={"domains": (part,)}), space.plan("default"))

    summary = pedseg_preprocess(tmp_path)

    entry = read_entry(space.cache("default", "box"), "a", verify=True)
    clipped = np.clip(image, *np.percentile(image, (0.05, 99.95)))
    grey = (clipped - clipped.mean()) / clipped.std()
    view = np.transpose(grey, (2, 1, 0))[:, ::-1, ::-1]  # rows to posterior, columns to the left
    np.testing.assert_allclose(entry.images[:, 6:42, 4:44], view, atol=2e-3)
    np.testing.assert_allclose(entry.images[:, :6], grey.min(), atol=2e-3)
    np.testing.assert_array_equal(
        entry.labels[:, 6:42, 4:44], np.transpose(np.where(labels == 7, 2, labels), (2, 1, 0))[:, ::-1, ::-1]
    )
    assert entry.manifest.rows_with == {"big": (1, 2, 3), "small": (3,)}
    assert entry.manifest.ceiling == {"big": 1.0, "small": 1.0}
    assert entry.manifest.left_right_axis == 1
    assert (summary.made, summary.failures) == (1, ())
    assert summary.entries["box"] == (entry.manifest,)


def test_a_coarser_plan_costs_dice_and_the_table_says_how_much(tmp_path):
    space = _workspace(tmp_path, spacing_mm=2.5, window=32)
    summary = pedseg_preprocess(space.root)
    scores = [m.ceiling["small"] for m in summary.entries["box"]]
    assert all(0.5 < score < 1 for score in scores)
    table = ceiling_table(summary.entries).splitlines()
    assert table[2].split() == ["box", "small", "2", f"{np.mean(scores):.4f}", f"{min(scores):.4f}"]


def test_exams_wider_than_the_window_and_in_another_plane_say_so_and_lose_nothing(tmp_path):
    space = _workspace(tmp_path, window=32, plane="coronal")
    (manifest, _) = pedseg_preprocess(space.root).entries["box"]
    entry = read_entry(space.cache("default", "box"), "a")
    assert [code for code, _ in manifest.notices] == ["PS-W120", "PS-W121"]
    assert entry.images.shape == (6 * 4, 32, 32)
    assert manifest.ceiling == {"big": 1.0, "small": 1.0}
    assert manifest.rows_with["small"] == (12, 13, 14, 15)


def test_what_is_there_stays_and_only_what_changed_is_made_again(tmp_path, caplog):
    space = _workspace(tmp_path)
    assert pedseg_preprocess(space.root).made == 2
    first = _stamps(space)
    assert pedseg_preprocess(space.root).made == 0
    assert _stamps(space) == first
    _write_exam(space, "b", seed=9)
    assert pedseg_preprocess(space.root).made == 1
    assert {n for n, stamp in _stamps(space).items() if stamp != first[n]} == {n for n in first if n.startswith("b.")}
    path = space.cache("default", "box") / "a.image.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    logging.getLogger("pedseg").addHandler(caplog.handler)  # a command run before may have cut propagation
    try:
        assert pedseg_preprocess(space.root).made == 1
    finally:
        logging.getLogger("pedseg").removeHandler(caplog.handler)
    assert "PS-W85: box/a.image.npy" in caplog.text
    read_entry(space.cache("default", "box"), "a", verify=True)
    assert pedseg_preprocess(space.root, overwrite=True).made == 2


def test_another_plan_makes_another_cache(tmp_path):
    space = _workspace(tmp_path)
    pedseg_preprocess(space.root)
    plan = load_plan(space.plan("default").plan)
    coarser = plan.domains[0].model_copy(update={"spacing_mm": 1.5})
    save_plan(plan.model_copy(update={"domains": (coarser,)}), space.plan("default"))
    assert pedseg_preprocess(space.root).made == 2


def test_some_faulty_exams_give_exit_7_and_the_others_are_written(tmp_path, capsys):
    space = _workspace(tmp_path, cases=("a", "b", "c"))
    _write_exam(space, "a", spoil="constant")
    _write_exam(space, "c", spoil="labels")
    assert main(["-w", str(tmp_path), "-j", "1"]) == 7
    out, err = capsys.readouterr()
    assert "box/a: PS-A65" in err
    assert "box/c: PS-A71" in err
    assert "1 exams in the cache (1 made now)" in out
    assert sorted(f.name for f in space.cache("default", "box").iterdir()) == [
        "b.image.npy",
        "b.json",
        "b.labels.npy",
    ]


def test_only_faulty_exams_give_the_exit_code_of_the_first(tmp_path, capsys):
    space = _workspace(tmp_path, cases=("a",))
    _write_exam(space, "a", spoil="constant")
    assert main(["-w", str(tmp_path), "-j", "1"]) == 3
    assert "pedseg_preprocess: PS-A65: wanted an image" in capsys.readouterr().err


def test_an_exam_whose_files_are_gone_is_named(tmp_path):
    space = _workspace(tmp_path)
    (space.raw("box") / "a").rename(tmp_path / "elsewhere")
    summary = pedseg_preprocess(space.root)
    assert summary.made == 1
    assert str(summary.failures[0]).startswith("box/a: PS-A122: planned, but its files are gone")


def test_without_a_plan_the_message_says_what_to_run(tmp_path, capsys):
    assert main(["-w", str(tmp_path)]) == 2
    assert "run pedseg_plan first" in capsys.readouterr().err


def test_two_processes_write_the_same_bytes_as_one(tmp_path):
    one, two = _workspace(tmp_path / "one"), _workspace(tmp_path / "two")
    pedseg_preprocess(one.root, jobs=1)
    summary = pedseg_preprocess(two.root, jobs=2)
    assert summary.made == 2
    for name in ("a.image.npy", "a.labels.npy", "b.image.npy", "b.labels.npy"):
        first, second = (space.cache("default", "box") / name for space in (one, two))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("kills", "made"), [(1, 2), (1000, 0)], ids=["once", "always"])
def test_a_killed_process_costs_no_other_exam_and_is_named_if_it_dies_again(tmp_path, kills, made):
    space = _workspace(tmp_path)
    ended = threading.Event()

    def hunt():
        # Python's pool waits for ever for a process that it starts while it buries another: both stand first.
        while len(multiprocessing.active_children()) < 2 and not ended.is_set():
            time.sleep(0.01)
        time.sleep(0.1)
        left = kills
        while left and not ended.is_set():
            for child in multiprocessing.active_children()[:left]:
                child.kill()
                left -= 1
            time.sleep(0.01)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        summary = pedseg_preprocess(space.root, jobs=2)
    finally:
        ended.set()
        hunter.join()
    assert summary.made == made
    assert [str(f)[:16] for f in summary.failures] == ["box/a: PS-A128: ", "box/b: PS-A128: "][: 2 - made]
