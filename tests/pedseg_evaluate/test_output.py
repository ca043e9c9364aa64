"""What an evaluation may replace: its own files, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fake_run import finish, make_plan
from masks import boxes, write_masks

from pedseg.errors import OutputError, UsageError
from pedseg_evaluate import EvaluateOptions, pedseg_evaluate
from pedseg_evaluate.__main__ import main
from pedseg_evaluate.outcome import Outcome
from pedseg_evaluate.output import CONTENTS, _representations, check_output
from pedseg_evaluate.sources import Source

OPTIONS = EvaluateOptions(domains=("ankle",), pictures=False, overwrite=True)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluated")
    masks, truth = write_masks(root / "masks", a=boxes()), write_masks(root / "truth", a=boxes())
    options = EvaluateOptions(domains=("ankle",), references=truth, pictures=False)
    pedseg_evaluate(root / "out", predictions=[masks], options=options)
    return root / "out"


@pytest.fixture
def out(evaluated: Path, tmp_path: Path) -> Path:
    shutil.copytree(evaluated, tmp_path / "out")
    return tmp_path / "out"


def test_every_file_is_named(out: Path) -> None:
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert set(json.loads((out / CONTENTS).read_text("utf-8"))["files"]) == files
    assert {"scores.csv", "slices.csv", "scores.json", "report.html", "tables/scores_3d.md"} < files


def test_an_evaluation_is_replaced_only_when_asked(out: Path) -> None:
    check_output(out, overwrite=True)
    with pytest.raises(OutputError, match=r"PS-A104: output out exists.*--overwrite"):
        check_output(out, overwrite=False)


@pytest.mark.parametrize("name", ["notes.txt", "tables/thesis.xlsx", "representations/photo.png", "x/scores.csv"])
def test_what_is_not_an_evaluations_is_never_replaced(out: Path, name: str) -> None:
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine", "utf-8")
    with pytest.raises(OutputError, match=f"PS-A104: output out holds {name}, which is no evaluation's"):
        check_output(out, overwrite=True)


@pytest.mark.parametrize("text", ["{", "[]", '{"files": 3}'])
def test_a_damaged_list_of_files_vouches_for_nothing(out: Path, text: str) -> None:
    (out / CONTENTS).write_text(text, "utf-8")
    with pytest.raises(OutputError, match="no evaluation's"):
        check_output(out, overwrite=True)


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "new" / "below").mkdir(parents=True)
    check_output(tmp_path / "new", overwrite=False)
    check_output(tmp_path / "absent", overwrite=False)


def test_what_appears_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pedseg_evaluate.job

    masks, late = write_masks(tmp_path / "masks", a=boxes()), tmp_path / "late"
    written = pedseg_evaluate.job.write_outcomes

    def slowly(*arguments: object) -> object:
        late.mkdir()
        (late / "thesis.txt").write_text("mine", "utf-8")
        return written(*arguments)

    monkeypatch.setattr(pedseg_evaluate.job, "write_outcomes", slowly)
    with pytest.raises(OutputError, match=r"holds thesis\.txt"):
        pedseg_evaluate.job.pedseg_evaluate(late, predictions=[masks], options=OPTIONS)
    assert (late / "thesis.txt").read_text("utf-8") == "mine"


@pytest.mark.parametrize("place", ["masks", "masks/out", "truth/new/out"])
def test_an_output_among_the_masks_is_refused(tmp_path: Path, place: str) -> None:
    masks, truth = write_masks(tmp_path / "masks", a=boxes()), write_masks(tmp_path / "truth", a=boxes())
    options = EvaluateOptions(domains=("ankle",), references=truth)
    with pytest.raises((UsageError, OutputError), match=r"PS-A109|PS-A104"):
        pedseg_evaluate(tmp_path / place, predictions=[masks], options=options)
    assert sorted(p.name for p in tmp_path.rglob("*.nii.gz")) == ["a.nii.gz", "a.nii.gz"]


def test_a_ranking_of_unknown_metrics_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    rules = "title: mine\nsource: me\nmetrics:\n  surface_dice_2mm: {best: 1, threshold: 0.5}\n"
    (tmp_path / "ranking.yaml").write_text(rules, "utf-8")
    masks = write_masks(tmp_path / "masks", a=boxes())
    arguments = ["--predictions", str(masks), "-d", "ankle", "-o", str(tmp_path / "out"), "--no-pictures"]
    assert main([*arguments, "--ranking", str(tmp_path / "ranking.yaml")]) == 2
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--ranking", str(tmp_path / "ranking.yaml"), "--tolerance-mm", "2"]) == 0


def test_a_run_that_cannot_be_looked_at_is_named_and_its_scores_stand(tmp_path: Path) -> None:
    """The weights of this fold are text: nothing can be drawn of them."""
    finish(tmp_path / "run", make_plan(), 0)
    outcome = Outcome(Source("ours", (), run=tmp_path / "run"), ())
    blocks, told = _representations(tmp_path / "out", [outcome], EvaluateOptions(representations=True))
    assert [str(block.text)[:30] for block in blocks] == ["PS-W137: ours: no representati"]
    assert told[0].faults[0].startswith("PS-W137: ours: no representations: ")
