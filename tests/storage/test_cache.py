"""The slice cache: what is written is read, and nothing damaged is ever served."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.errors import InputError
from pedseg.storage.cache import Manifest, entry_bytes, read_entry, read_manifest, write_entry


def _manifest(case="case01"):
    return Manifest(
        domain="ankle",
        case=case,
        plan_digest="p" * 64,
        source_digest="s" * 64,
        grid={"shape": [4, 5, 6]},
        left_right_axis=None,
        rows_with={"talus": (1, 2)},
        ceiling={"talus": 0.98, "tibia": None},
        notices=(("PS-W120", "acquired axial"),),
    )


def _arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 8, 8)).astype(np.float16), rng.integers(0, 3, (3, 8, 8)).astype(np.uint8)


def test_an_entry_comes_back_as_written_and_mapped(tmp_path):
    images, labels = _arrays()
    written = write_entry(tmp_path / "ankle", _manifest(), images, labels)
    entry = read_entry(tmp_path / "ankle", "case01", verify=True)
    assert isinstance(entry.images, np.memmap)
    assert isinstance(entry.labels, np.memmap)
    np.testing.assert_array_equal(entry.images, images)
    np.testing.assert_array_equal(entry.labels, labels)
    assert entry.manifest == written
    assert (entry.plan_digest, entry.notices[0].code) == ("p" * 64, "PS-W120")
    assert entry_bytes(written) == sum(f.stat().st_size for f in (tmp_path / "ankle").glob("*.npy"))
    assert sorted(f.name for f in (tmp_path / "ankle").iterdir()) == [
        "case01.image.npy",
        "case01.json",
        "case01.labels.npy",
    ]


def test_grey_values_are_kept_as_float16_whatever_came(tmp_path):
    images, labels = _arrays()
    write_entry(tmp_path, _manifest(), images.astype(np.float64), labels)
    assert read_entry(tmp_path, "case01").images.dtype == np.float16


def test_labels_may_be_finer_than_the_pixels_but_evenly(tmp_path):
    images, labels = _arrays()
    fine = labels.repeat(2, axis=1).repeat(2, axis=2)
    write_entry(tmp_path, _manifest(), images, fine)
    np.testing.assert_array_equal(read_entry(tmp_path, "case01", verify=True).labels, fine)
    for wrong in (fine[:, :12, :12], fine[:, :, :8], fine[:2], labels[:, :4, :4]):
        with pytest.raises(ValueError, match=r"labels \(R, d W, d W\) are needed"):
            write_entry(tmp_path, _manifest(), images, wrong)


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_every_truncation_is_refused_without_reading_checksums(tmp_path, kind):
    write_entry(tmp_path, _manifest(), *_arrays())
    path = tmp_path / f"case01.{kind}.npy"
    whole = path.read_bytes()
    for size in (0, 10, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=rf"PS-A85: case01.{kind}.npy: wanted {len(whole)} bytes"):
            read_entry(tmp_path, "case01")
    path.unlink()
    with pytest.raises(InputError, match="got no bytes: run pedseg_preprocess again"):
        read_entry(tmp_path, "case01")


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("at", [3, 70, -1])
def test_one_flipped_bit_is_found_by_the_checksum(tmp_path, kind, at):
    write_entry(tmp_path, _manifest(), *_arrays())
    path = tmp_path / f"case01.{kind}.npy"
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"PS-A85: .*checksum"):
        read_entry(tmp_path, "case01", verify=True)


def test_an_array_of_another_kind_is_refused_even_with_its_right_size(tmp_path):
    images, labels = _arrays()
    write_entry(tmp_path, _manifest(), images, labels)
    np.save(tmp_path / "case01.image.npy", images.view(np.int16))
    with pytest.raises(InputError, match=r"PS-A85: case01: arrays are not slices"):
        read_entry(tmp_path, "case01")
    (tmp_path / "case01.image.npy").write_bytes(b"\0" * (tmp_path / "case01.image.npy").stat().st_size)
    with pytest.raises(InputError, match=r"PS-A85: .* not a numpy array"):
        read_entry(tmp_path, "case01")


def test_a_missing_or_foreign_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"PS-A85: case01 is not in the slice cache .*: run pedseg_preprocess"):
        read_entry(tmp_path, "case01")
    texts = ["", "[]", '{"schema": 2}', "\x00\xff", "null", "1", "[1]", "[" * 100_000, '{"digest": 1}']
    for text in texts:
        (tmp_path / "case01.json").write_text(text)
        with pytest.raises(InputError, match=r"PS-A85: case01.json is not a cache manifest"):
            read_manifest(tmp_path, "case01")


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "case01.json").mkdir()
    with pytest.raises(InputError, match=r"PS-A85: case01.json cannot be read \(Is a directory\): run pedseg_pre"):
        read_manifest(tmp_path, "case01")


def test_a_write_that_fails_half_way_leaves_no_entry_to_read(tmp_path):
    images, labels = _arrays()
    write_entry(tmp_path, _manifest(), images, labels)
    (tmp_path / "case01.labels.npy").unlink()
    (tmp_path / "case01.labels.npy").mkdir()  # the second array cannot take its name
    with pytest.raises(Exception, match="PS-A105"):
        write_entry(tmp_path, _manifest(), images + 1, labels)
    with pytest.raises(InputError, match="PS-A85"):
        read_entry(tmp_path, "case01")
    assert not list(tmp_path.glob(".*"))
