"""Rigid placements against points worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.phantoms.frames import Frame, moved, turned_about


def test_frames_compose_and_undo() -> None:
    outer, inner = turned_about((1.0, 2.0, 3.0), (30.0, 0.0, 50.0)), moved((5.0, 0.0, -1.0))
    both = outer @ inner
    assert both.at((1.0, 1.0, 1.0)) == pytest.approx(outer.at((6.0, 1.0, 0.0)))
    x, y, z = both.local(tuple(np.array([v], dtype=np.float32) for v in both.at((7.0, 8.0, 9.0))))  # type: ignore[arg-type]
    assert (x[0], y[0], z[0]) == pytest.approx((7, 8, 9), abs=1e-4)
    assert turned_about((1.0, 2.0, 3.0), (10.0, 20.0, 30.0)).at((1.0, 2.0, 3.0)) == pytest.approx((1, 2, 3))
    assert Frame().at((1.0, 2.0, 3.0)) == (1, 2, 3)
