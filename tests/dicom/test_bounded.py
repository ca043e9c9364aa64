from __future__ import annotations

import tracemalloc

from pedseg.dicom.bounded import BoundedFile


def test_no_more_is_read_or_asked_for_than_is_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    tracemalloc.start()
    with BoundedFile(path) as file:
        assert (file.read(4), file.read(1 << 31), file.read(1)) == (b"0123", b"456789", b"")
        file.seek(2)
        assert file.read() == b"23456789"
        file.seek(0)
        assert file.read(None) == b"0123456789"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
