"""Candidates and what they tell. The faults are in tests/reliability."""

from __future__ import annotations

import numpy as np
from mr_series import GRID, image, save, uid, write_series

from pedseg.dicom import discover, read_series, read_volume


def test_every_candidate_can_be_read(tmp_path):
    """What `discover` lists, `read_series` reads; index, echo and phase name it."""
    for n in (1, 2):
        write_series(tmp_path / "exam" / str(n), SeriesInstanceUID=uid(n), SeriesNumber=n)
    for k in range(GRID.n):
        for n, time in enumerate(("3.1", "9.3")):
            ds = image(GRID, k, EchoTime=time, SeriesInstanceUID=uid("third"), SOPInstanceUID=uid(k, n))
            save(ds, tmp_path / "exam" / f"echo{k}_{n}")
    found = discover(tmp_path / "exam").series
    assert len({(s.index, s.echo, s.phase) for s in found}) == len(found)
    for series in found:
        volume = read_series(series)
        again = read_volume(tmp_path / "exam", series=series.index, echo=series.echo, phase=series.phase)
        assert np.array_equal(volume.array, again.array)
        assert volume.shape[2] == series.n_slices


def test_facts_hold_no_identity(tmp_path):
    write_series(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.facts == {
        "manufacturer": "Acme",
        "modality": "MR",
        "body_part": "KNEE",
        "field_strength_t": 3.0,
        "repetition_time_ms": 13.0,
        "series_number": 4,
        "echo": 1,
        "echo_time_ms": 4.4,
        "n_files": 16,
        "n_slices": 16,
        "transfer_syntax": "Explicit VR Little Endian",
    }
    assert volume.slice_axis == 2
    found = discover(tmp_path)
    assert "ZZPHI" not in repr(found)
    assert "ZZPHI" not in repr(found.series[0].frames)
    assert uid("series") not in repr(found)
