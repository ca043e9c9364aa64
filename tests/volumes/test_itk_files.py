"""NRRD and MHA: what SimpleITK writes is read; what a header claims or names is refused before ITK sees it."""

from __future__ import annotations

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
def test_refused_before_itk_reads(fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
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
