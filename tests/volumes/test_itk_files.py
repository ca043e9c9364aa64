"""NRRD and MHA: what SimpleITK writes is read; what a header claims or names is refused before data are read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from pedseg.errors import PedsegError
from pedseg.volumes.nifti import read_image

ARRAY = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def written(path: Path, array: np.ndarray = ARRAY, *, packed: bool = False) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.3, 0.4, 0.5))
    image.SetOrigin((1, 2, 3))
    sitk.WriteImage(image, str(path), useCompression=packed)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ["nrrd", "mha"])
@pytest.mark.parametrize("dtype", TYPES)
def test_what_simpleitk_writes_is_read(ending: str, dtype: str, packed: bool, tmp_path: Path) -> None:
    volume = read_image(written(tmp_path / f"x.{ending}", ARRAY.astype(dtype), packed=packed))
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array, ARRAY.transpose(2, 1, 0))
    np.testing.assert_allclose(volume.affine, [[-0.3, 0, 0, -1], [0, -0.4, 0, -2], [0, 0, 0.5, 3], [0, 0, 0, 1]])


def test_an_nrrd_of_another_tool_is_read(tmp_path: Path) -> None:
    """Slicer's keys and comments, Windows line ends, digits."""
    head = (
        "NRRD0005\n# a comment: with a colon\ntype: unsigned char\ndimension: 3\nspace: left-posterior-superior\n"
        "sizes: 2 2 2\nspace directions: (1,0,0) (0,1,0) (0,0,2)\nkinds: domain domain domain\nencoding: ascii\n"
        "space origin: (0,0,0)\nSegment0_Name:=femur: distal\n\n"
    )
    path = tmp_path / "x.seg.nrrd"
    path.write_bytes(head.encode() + b"0 1 2 3 4 5 6 7\n")
    assert read_image(path).array[1, 1, 1] == 7


def changed(old: str, new: str):
    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode(), 1)

    return change


def added(line: str):
    return lambda data: data.replace(b"encoding:", f"{line}\nencoding:".encode(), 1) if data[:4] == b"NRRD" else (
        data.replace(b"ElementSpacing", f"{line}\nElementSpacing".encode(), 1)
    )


def bomb(old: str, new: str):
    """500 million voxels in a few packed bytes."""
    return lambda data: changed(" 3 4 5", " 1000 1000 500")(changed(old, new)(data))


BAD = {
    "nrrd-data-elsewhere": ("nrrd", added("data file: /etc/passwd"), "PS-A156", "names another file"),
    "nrrd-datafile": ("nrrd", added("DATAFILE: x.raw"), "PS-A156", "names another file"),
    "nrrd-list": ("nrrd", added("data file: LIST"), "PS-A156", "names another file"),
    "nrrd-pattern": ("nrrd", added("data  file: %03d.raw 1 9 1"), "PS-A156", "names another file"),
    "nrrd-huge": ("nrrd", changed("sizes: 3 4 5", "sizes: 32767 32767 32767"), "PS-A121", "120 of 7036"),
    "nrrd-large": ("nrrd", changed("sizes: 3 4 5", "sizes: 300 400 500"), "PS-A121", "120 of 120000000 data bytes"),
    "nrrd-negative": ("nrrd", changed("sizes: 3 4 5", "sizes: -3 4 5"), "PS-A121", "damaged"),
    "nrrd-zero": ("nrrd", changed("sizes: 3 4 5", "sizes: 0 4 5"), "PS-A121", "damaged"),
    "nrrd-no-sizes": ("nrrd", changed("sizes: 3 4 5\n", ""), "PS-A121", "damaged"),
    "nrrd-twice": ("nrrd", added("sizes: 3 4 5"), "PS-A121", "damaged"),
    "nrrd-2d": ("nrrd", changed("dimension: 3", "dimension: 2"), "PS-A121", "damaged"),
    "nrrd-block": ("nrrd", changed("type: short", "type: block"), "PS-A121", "damaged"),
    "nrrd-bzip2": ("nrrd", changed("encoding: raw", "encoding: bzip2"), "PS-A121", "otherwise than by gzip"),
    "nrrd-skip": ("nrrd", added("line skip: 99999999"), "PS-A121", "damaged"),
    "nrrd-is-mha": ("nrrd", lambda _: b"ObjectType = Image\nNDims = 3\n\n", "PS-A121", "damaged"),
    "mha-elsewhere": ("mha", changed("= LOCAL", "= /etc/passwd"), "PS-A156", "names another file"),
    "mha-list": ("mha", changed("= LOCAL", "= LIST"), "PS-A156", "names another file"),
    "mha-huge": ("mha", changed("DimSize = 3 4 5", "DimSize = 32767 32767 32767"), "PS-A121", "120 of 7036"),
    "mha-large": ("mha", changed("DimSize = 3 4 5", "DimSize = 300 400 500"), "PS-A121", "data bytes"),
    "mha-channels": ("mha", added("ElementNumberOfChannels = 999999"), "PS-A121", "several numbers a voxel"),
    "mha-dimensions": ("mha", changed("NDims = 3", "NDims = 64"), "PS-A121", "damaged"),
    "mha-header-size": ("mha", added("HeaderSize = -1"), "PS-A121", "damaged"),
    "mha-two": ("mha", changed("NDims = 3", "NDims = 2"), "PS-A121", "damaged"),
    "mha-bomb": ("mha", bomb("CompressedData = False", "CompressedData = True"), "PS-A155", "unpack to 0.9 GiB"),
    "nrrd-bomb": ("nrrd", bomb("encoding: raw", "encoding: gzip"), "PS-A155", "unpack to 0.9 GiB"),
    "mha-text": ("mha", lambda _: b"root:x:0:0\n", "PS-A121", "damaged"),
    "mha-empty": ("mha", lambda _: b"", "PS-A121", "damaged"),
    "mha-spacing": ("mha", changed("ElementSpacing = 0.", "ElementSpacing = 90000."), "PS-A52", "not usable"),
}


@pytest.mark.parametrize("fault", BAD)
def test_refused_by_the_header(fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ending, change, code, says = BAD[fault]
    path = written(tmp_path / f"x.{ending}")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(PedsegError, match=says) as refused:
        read_image(path)
    assert refused.value.code == code
    assert capfd.readouterr().err == ""


def test_four_dimensions_and_damage_inside(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4, 5), np.uint8))
    sitk.WriteImage(image, str(tmp_path / "x.nrrd"))
    with pytest.raises(PedsegError, match="holds 5x4x3x2: one 3-D image"):
        read_image(tmp_path / "x.nrrd")
    path = written(tmp_path / "y.nrrd", packed=True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PedsegError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_no_flipped_bit_of_packed_data_is_read(ending: str, tmp_path: Path) -> None:
    """ITK takes nearly every such MHA, and a third of the NRRD files, without an error."""
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[4:12, 5:15, 3:9] = 1
    labels += (rng.random(labels.shape) < 0.02).astype(np.uint8)
    path = written(tmp_path / f"x.{ending}", labels, packed=True)
    data = path.read_bytes()
    start = data.index(b"LOCAL\n") + 6 if ending == "mha" else data.index(b"\n\n") + 12  # behind gzip's own header
    for place in rng.choice(np.arange(start, len(data)), 100, replace=False):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            seen = read_image(path).array
        except PedsegError as error:
            assert error.code == "PS-A80"  # noqa: PT017
            continue
        assert np.array_equal(seen, labels.transpose(2, 1, 0)), place


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
@pytest.mark.parametrize("packed", [False, True])
def test_cut_and_lengthened_data(ending: str, packed: bool, tmp_path: Path) -> None:
    path = written(tmp_path / f"x.{ending}", packed=packed)
    whole = path.read_bytes()
    for cut in (1, 4, 8, 20):
        path.write_bytes(whole[:-cut])
        with pytest.raises(PedsegError, match=r"PS-A80|PS-A121: .* of 120 data bytes"):
            read_image(path)
    path.write_bytes(whole + b"\n")
    try:
        assert np.array_equal(read_image(path).array, ARRAY.transpose(2, 1, 0))
    except PedsegError as error:
        assert (error.code, ending) == ("PS-A80", "nrrd")  # noqa: PT017  nothing may stand behind gzip's sum


def test_a_zlib_stream_needs_no_length(tmp_path: Path) -> None:
    """ITK reads zeros where CompressedDataSize is missing."""
    path = written(tmp_path / "x.mha", packed=True)
    path.write_bytes(re.sub(rb"CompressedDataSize = \d+\n", b"", path.read_bytes()))
    assert np.array_equal(read_image(path).array, ARRAY.transpose(2, 1, 0))


def test_a_file_of_twice_the_data_is_refused(tmp_path: Path) -> None:
    """A long of eight bytes: ITK reads the lower half of the values, and zeros between them."""
    path = written(tmp_path / "x.mha", ARRAY.astype(np.int64))
    path.write_bytes(path.read_bytes().replace(b"MET_LONG_LONG", b"MET_LONG"))
    with pytest.raises(PedsegError, match=r"PS-A80: x\.mha holds more than its header says"):
        read_image(path)
    path = written(tmp_path / "x.mha", ARRAY.astype(np.int32))
    path.write_bytes(path.read_bytes().replace(b"MET_INT", b"MET_LONG"))
    assert np.array_equal(read_image(path).array, ARRAY.transpose(2, 1, 0))


def test_data_at_the_end_and_as_digits(tmp_path: Path) -> None:
    path = written(tmp_path / "x.nrrd")
    path.write_bytes(path.read_bytes().replace(b"\n\n", b"\nbyte skip: -1\n\nwhatever comes first"))
    assert np.array_equal(read_image(path).array, ARRAY.transpose(2, 1, 0))
    digits = " ".join(map(str, ARRAY.ravel()))
    for text, says in ((digits[:-3], "59 of 60 numbers"), (digits.replace("7", "x"), "damaged"), (digits, "")):
        path = written(tmp_path / "x.nrrd")
        head = path.read_bytes().partition(b"\n\n")[0].replace(b"encoding: raw", b"encoding: ascii")
        path.write_bytes(head + b"\n\n" + text.encode())
        if says:
            with pytest.raises(PedsegError, match=says):
                read_image(path)
    assert np.array_equal(read_image(path).array, ARRAY.transpose(2, 1, 0))
