"""The benchmark of surface distances: its exam, its figures, and the full size's ratio."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.surface import LABELS, WANTED, Outcome, compare, main, make_pair

SMALL = (48, 48, 16)


def test_the_pair_has_three_bones_a_moved_bound_and_a_far_speck() -> None:
    prediction, reference = make_pair(SMALL)
    assert prediction.shape == SMALL
    for label in LABELS:
        ours, theirs = prediction == label, reference == label
        assert theirs.sum() > 100
        assert 0.6 < 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) < 1
    assert (prediction[0, 0, 0], reference[0, 0, 0]) == (1, 0)
    again, _ = make_pair(SMALL)
    np.testing.assert_array_equal(prediction, again)


def test_both_give_the_same_distances() -> None:
    outcome = compare(SMALL, repeats=1)
    assert list(outcome.differences_mm) == ["assd_mm", "hd95_mm", "mssd_mm"]
    assert max(outcome.differences_mm.values()) < 1e-4
    assert min(outcome.ours_s, outcome.monai_s) > 0


def test_it_says_how_many_times_faster(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, code in ((0.5, 0), (0.9, 1)):
        outcome = Outcome(ours_s=seconds, monai_s=4.0, differences_mm={"assd_mm": 2e-7})
        monkeypatch.setattr("benchmarks.surface.compare", lambda *_, outcome=outcome, **__: outcome)
        assert main([]) == code
    told = capsys.readouterr().out
    assert "512x512x110, 3 labels, one thread each, best of 3" in told
    assert "8.0 times faster" in told
    assert "largest difference 2.0e-07 mm" in told


@pytest.mark.slow
def test_it_is_five_times_faster_at_full_size() -> None:
    assert compare().ratio >= WANTED
