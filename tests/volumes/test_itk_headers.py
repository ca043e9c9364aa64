"""Headers of NRRD and MHA: places as SimpleITK has them, and what it takes for something else without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from pedseg.errors import PedsegError
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.geometry import LPS_TO_RAS
from pedseg.volumes.itk_headers import PACKED, RAW, mha_header, mha_place, nrrd_header, nrrd_place
from pedseg.volumes.nifti import read_image

SHAPE = (4, 5, 3)
TURN = np.linalg.qr(np.array([[1.0, 0.1, 0.2], [-0.1, 1.0, 0.1], [0.05, -0.1, 1.0]]))[0]
LPS = np.eye(4)
LPS[:3, :3], LPS[:3, 3] = TURN * (0.3, 0.4, 3.1), (-20, 15, 7)
RAS = LPS_TO_RAS @ LPS
ARRAY = np.arange(60, dtype=np.int16).reshape(SHAPE, order="F")
TOLD = "PS-W79: its header does not tell where the image lies in the body: left and right cannot be told"


def vector(values: object) -> str:
    return "(" + ",".join(repr(float(v)) for v in values) + ")"  # type: ignore[attr-defined]


def words(values: object) -> str:
    return " ".join(repr(float(v)) for v in np.ravel(values))  # type: ignore[call-overload]


NRRD = {
    "type": "short",
    "dimension": "3",
    "sizes": "4 5 3",
    "space": "left-posterior-superior",
    "space directions": " ".join(vector(LPS[:3, axis]) for axis in range(3)),
    "space origin": vector(LPS[:3, 3]),
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
}
MHA = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "TransformMatrix": words(TURN.T),
    "Offset": words(LPS[:3, 3]),
    "AnatomicalOrientation": "RAI",
    "ElementSpacing": "0.3 0.4 3.1",
    "DimSize": "4 5 3",
    "ElementType": "MET_SHORT",
}


def nrrd(folder: Path, **changes: str | None) -> Path:
    """A file with other fields, underscores for spaces; None takes a field away."""
    fields = NRRD | {key.replace("_", " "): value for key, value in changes.items()}
    lines = ["NRRD0004", *(f"{key}: {value}" for key, value in fields.items() if value is not None)]
    data = ARRAY.astype(">i2" if fields["endian"] == "big" else "<i2").tobytes("F")
    (folder / "x.nrrd").write_bytes("\n".join(lines).encode() + b"\n\n" + data)
    return folder / "x.nrrd"


def mha(folder: Path, **changes: str | None) -> Path:
    fields = MHA | changes
    lines = [*(f"{key} = {value}" for key, value in fields.items() if value is not None), "ElementDataFile = LOCAL\n"]
    big = "True" in (fields["BinaryDataByteOrderMSB"], fields.get("ElementByteOrderMSB"))
    (folder / "x.mha").write_bytes("\n".join(lines).encode() + ARRAY.astype(">i2" if big else "<i2").tobytes("F"))
    return folder / "x.mha"


def scaled(factor: float) -> np.ndarray:
    affine = RAS.copy()
    affine[:3] *= factor
    return affine


def bare(*spacing: float, origin: object = (0, 0, 0)) -> np.ndarray:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return np.asarray(LPS_TO_RAS @ affine)


LEFT = np.diag([-1.0, 1.0, 1.0, 1.0])
READ = {
    "nrrd": (nrrd, {}, RAS, ""),
    "nrrd-short": (nrrd, {"space": "LPS"}, RAS, ""),
    "nrrd-ras": (nrrd, {"space": "Right-Anterior-Superior"}, LPS, ""),
    "nrrd-las": (nrrd, {"space": "las"}, LEFT @ LPS, ""),
    "nrrd-big": (nrrd, {"endian": "big"}, RAS, ""),
    "nrrd-mm": (nrrd, {"space_units": '"mm" "mm" "mm"'}, RAS, ""),
    "nrrd-cm": (nrrd, {"space_units": '"cm" "cm" "cm"'}, scaled(10), ""),
    "nrrd-microns": (nrrd, {"space_units": '"microns" "microns" "microns"'}, scaled(1e-3), ""),
    "nrrd-gantry": (nrrd, {"space": "scanner-xyz"}, RAS, TOLD),
    "nrrd-no-space": (nrrd, {"space": None, "space_dimension": "3"}, RAS, TOLD),
    "nrrd-no-origin": (nrrd, {"space_origin": None}, RAS * ([1.0] * 3 + [0.0]) + np.diag([0, 0, 0, 1.0]), TOLD),
    "nrrd-spacings": (
        nrrd,
        {"space": None, "space_directions": None, "space_origin": None, "spacings": "0.3 0.4 3.1"},
        bare(0.3, 0.4, 3.1),
        TOLD,
    ),
    "mha": (mha, {}, RAS, ""),
    "mha-other-names": (
        mha,
        {"TransformMatrix": None, "Rotation": words(TURN.T), "Offset": None, "Position": words(LPS[:3, 3])},
        RAS,
        "",
    ),
    "mha-both-orders": (mha, {"ElementByteOrderMSB": "False"}, RAS, ""),
    "mha-big": (mha, {"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True"}, RAS, ""),
    "mha-size": (mha, {"ElementSpacing": None, "ElementSize": "0.3 0.4 3.1"}, RAS, ""),
    "mha-cm": (mha, {"DistanceUnits": "cm"}, scaled(10), ""),
    "mha-no-matrix": (mha, {"TransformMatrix": None}, bare(0.3, 0.4, 3.1, origin=(-20, 15, 7)), TOLD),
}
BAD = {
    "nrrd-unit": (nrrd, {"space_units": '"mm" "mm" "inch"'}, "PS-A52", "in a unit that is not known"),
    "nrrd-units": (nrrd, {"space_units": '"mm" "mm" "cm"'}, "PS-A52", "in a unit that is not known"),
    "nrrd-metres": (nrrd, {"space_units": '"m" "m" "m"'}, "PS-A52", "voxels of 300 x 400 x 3100 mm"),
    "nrrd-space": (nrrd, {"space": "right-posterior-superior"}, "PS-A121", "save it again"),
    "nrrd-no-spacing": (nrrd, {"space_directions": None}, "PS-A52", "no usable spacing"),
    "nrrd-none": (nrrd, {"space_directions": "(1,0,0) (0,1,0) none"}, "PS-A52", "no usable spacing"),
    "nrrd-nan": (nrrd, {"space_directions": "(nan,0,0) (0,1,0) (0,0,1)"}, "PS-A52", "no usable spacing"),
    "nrrd-flat": (nrrd, {"space_directions": "(1,0,0) (1,0,0) (0,0,1)"}, "PS-A52", "two axes run the same way"),
    "nrrd-list": (nrrd, {"kinds": "list domain domain"}, "PS-A121", "axes that are not of space"),
    "nrrd-endian": (nrrd, {"endian": None}, "PS-A121", "save it again"),
    "mha-comma": (mha, {"Offset": "-20,0 15,0 7,0"}, "PS-A52", "with a decimal point"),
    "mha-nan": (mha, {"Offset": "nan 15 7"}, "PS-A52", "no usable"),
    "mha-no-spacing": (mha, {"ElementSpacing": None}, "PS-A52", "no usable spacing"),
    "mha-two-origins": (mha, {"Origin": "1 2 3"}, "PS-A121", "save it again"),
    "mha-two-matrices": (mha, {"Orientation": "1 0 0 0 1 0 0 0 1"}, "PS-A121", "save it again"),
    "mha-two-orders": (mha, {"ElementByteOrderMSB": "True"}, "PS-A121", "save it again"),
    "mha-scaled": (mha, {"ElementToIntensityFunctionSlope": "2"}, "PS-A121", "its header scales"),
    "mha-unit": (mha, {"DistanceUnits": "inch"}, "PS-A52", "in a unit that is not known"),
}


@pytest.mark.parametrize("case", READ)
def test_read(case: str, tmp_path: Path) -> None:
    write, changes, affine, told = READ[case]
    volume = read_image(write(tmp_path, **changes))
    assert volume.geometry.corner_distance_mm(Geometry(SHAPE, affine)) < 1e-9
    assert np.array_equal(volume.array, ARRAY)
    assert [str(notice) for notice in volume.notices] == ([told] if told else [])


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write, changes, code, says = BAD[case]
    with pytest.raises(PedsegError, match=says) as refused:
        read_image(write(tmp_path, **changes))
    assert refused.value.code == code
    assert capfd.readouterr().err == ""


def itk_place(path: Path) -> Geometry:
    image = sitk.ReadImage(str(path))
    corner, *ends = (image.TransformIndexToPhysicalPoint(at) for at in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
    affine = np.eye(4)
    affine[:3, :3] = (np.array(ends) - corner).T
    affine[:3, 3] = corner
    return Geometry(image.GetSize(), LPS_TO_RAS @ affine)


def test_places_are_those_of_itk(tmp_path: Path) -> None:
    """200 oblique, left-handed and anisotropic grids, as ITK writes them and as it reads them again."""
    rng = np.random.default_rng(3)
    for _ in range(100):
        image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        image.SetDirection(turn.ravel())
        image.SetSpacing(rng.uniform(0.2, 5, 3))
        image.SetOrigin(rng.uniform(-900, 900, 3))
        for ending in ("mha", "nrrd"):
            path = tmp_path / f"x.{ending}"
            sitk.WriteImage(image, str(path))
            assert read_image(path).geometry.corner_distance_mm(itk_place(path)) < 1e-6


def test_what_a_header_says(tmp_path: Path) -> None:
    head = nrrd(tmp_path, encoding="gz").read_bytes()
    stored = nrrd_header(head, "x")
    assert (stored.sizes, stored.dtype.str, stored.coding, stored.at_end) == (SHAPE, "<i2", PACKED, False)
    assert head[: stored.start].endswith(b"\n\n")
    affine, notices = nrrd_place(stored.fields, "x")
    assert Volume(ARRAY, affine, notices=notices).geometry.corner_distance_mm(Geometry(SHAPE, RAS)) < 1e-9
    head = mha(tmp_path).read_bytes()
    stored = mha_header(head, "x")
    assert (stored.sizes, stored.coding, head[stored.start :]) == (SHAPE, RAW, ARRAY.tobytes("F"))
    assert np.allclose(mha_place(stored.fields, "x")[0], RAS)
