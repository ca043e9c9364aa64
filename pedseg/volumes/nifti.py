"""Image and label files: NIfTI read and written exactly; NRRD and MHA read."""

from __future__ import annotations

import gzip
import math
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from pedseg.errors import InputError, OutputError, one_line
from pedseg.partials import sync
from pedseg.volumes.geometry import Geometry
from pedseg.volumes.itk_files import read_itk
from pedseg.volumes.limits import MAX_TRAILER, check_size, refuse_bomb, refuse_trailer
from pedseg.volumes.nifti_place import nifti_place
from pedseg.volumes.volume import Volume
from pedseg.workspace import atomic_write

MAX_VOXELS = 1024**3
QFORM_WRITTEN_MM = 0.02
"""A qform farther off is not written: some readers prefer it. Single precision moves corners by 0.01 mm."""
WRITTEN_MM = 1e-3
"""Largest corner shift a written file may have: float32 holds 1 m to 6e-5 mm."""
_COMPRESSION = 1
_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 540  # NIfTI-2; NIfTI-1 has 348
_CHUNK = 1 << 20
_AS_STORED = ("uint8", "int16", "uint16", "int32", "float32")


def read_image(path: str | Path, *, max_voxels: int = MAX_VOXELS) -> Volume:
    """Read a NIfTI, NRRD or MHA file.

    Args:
        path: .nii, .nii.gz, .nrrd or .mha.
        max_voxels: larger images are refused before memory is asked for.

    Returns:
        (I, J, K) with its affine to RAS+ mm. Values may hold NaN: see `check_image`.

    Raises:
        InputError: PS-A04 another kind of file, PS-A80 damaged, PS-A121 not readable, PS-A68 too large.
        GeometryError: PS-A52 no usable affine.
    """
    path = Path(path)
    ending = path.name.lower()
    if ending.endswith((".nii", ".nii.gz")):
        return read_nifti(path, max_voxels=max_voxels)
    if ending.endswith((".nrrd", ".mha")):
        return read_itk(path, max_voxels)
    name = one_line(path.name)
    raise InputError("PS-A04", f"{name} is no image pedseg reads: give .nii, .nii.gz, .nrrd, .mha or DICOM")


def check_image(volume: Volume) -> None:
    """Refuse grey values no network can use.

    Raises:
        InputError: PS-A66 NaN or infinite values, PS-A65 one value everywhere.
    """
    if volume.array.dtype.kind == "f" and (bad := int((~np.isfinite(volume.array)).sum())):
        raise InputError("PS-A66", f"{bad} of {volume.array.size} voxels are NaN or infinite: repair the image")
    if (volume.array == volume.array[0, 0, 0]).all():
        raise InputError("PS-A65", f"the image is constant ({volume.array[0, 0, 0]:g}): it holds no anatomy")


def read_nifti(path: str | Path, *, max_voxels: int = MAX_VOXELS) -> Volume:
    """Read a 3-D NIfTI-1 or NIfTI-2 file, to the end of its gzip stream so that its checksum is verified.

    Args:
        path: compressed or not, whatever its name.
        max_voxels: larger images are refused before memory is asked for.

    Returns:
        Values of the stored type, or float32 where the header scales them; `slice_axis` where it tells.

    Raises:
        InputError: PS-A80 damaged, PS-A121 not readable or not 3-D, PS-A68 too large.
        GeometryError: PS-A52 no usable affine.
    """
    path = Path(path)
    name = one_line(path.name)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            header = _header(stream.read(_HEADER_BYTES), name)
            shape = _shape(header, max_voxels, name)
            if packed:
                _check_growth(header, shape, path)
            array = _read_array(stream, header, shape, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError("PS-A80", f"{name} is damaged ({error}): copy it again from the source") from error
    except OSError as error:
        raise InputError("PS-A121", f"{name} cannot be read: {error.strerror or 'input/output error'}") from error
    affine, notices = nifti_place(header, shape, name)
    axis = header.get_dim_info()[2]
    return Volume(array, affine, slice_axis=axis, notices=notices, facts={"format": "NIfTI"})


def write_nifti(volume: Volume, path: str | Path) -> None:
    """Write a volume, whole or not at all, and read it back to be sure.

    The same volume gives the same bytes. sform and qform hold the affine (a sheared affine only the
    sform: a qform cannot), the unit is mm, and no text is written.

    Args:
        volume: bool, uint8, int16, uint16, int32 or float; other integers must fit into int32.
        path: .nii.gz, or .nii for an uncompressed file.

    Raises:
        OutputError: PS-A105 not writable or not read back equal, PS-A106 disk full.
    """
    path = Path(path)
    slices = np.ascontiguousarray(_storable(volume.array).T)  # (K, J, I): the order of the file
    with atomic_write(path) as temporary:
        with temporary.open("wb") as raw:
            if path.name.lower().endswith(".gz"):
                with gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as stream:
                    _write(cast(BinaryIO, stream), volume, slices)
            else:
                _write(raw, volume, slices)
        sync(temporary)
        _verify(temporary, volume, slices, path.name)


def _header(block: bytes, name: str) -> Any:
    """NIfTI-1 or NIfTI-2 header of a single-file image."""
    nib: Any = import_module("nibabel")
    try:
        if block[344:348] == b"n+1\0":
            return nib.Nifti1Header(block[:348], check=False)
        if block[4:8] == b"n+2\0":
            return nib.Nifti2Header(block[:540], check=False)
    except (nib.spatialimages.HeaderDataError, nib.wrapstruct.WrapStructError, ValueError) as error:
        raise InputError("PS-A121", f"{name} has no valid NIfTI header: {error}") from error
    raise InputError("PS-A121", f"{name} is no single-file NIfTI image: give a .nii or .nii.gz")


def _shape(header: Any, max_voxels: int, name: str) -> tuple[int, int, int]:
    """The three sizes; checked against the limit before anything is allocated."""
    n_dims = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1 : n_dims + 1]] if 0 < n_dims <= 7 else []
    if len(sizes) < 3 or min(sizes[:3]) < 1 or any(n not in (0, 1) for n in sizes[3:]):  # some tools write 0 for none
        shown = "x".join(map(str, sizes)) or "nothing"
        raise InputError("PS-A121", f"{name} holds {shown}: one 3-D image was wanted; save the one that is meant")
    check_size(sizes, max_voxels, name)
    return sizes[0], sizes[1], sizes[2]


def _check_growth(header: Any, shape: tuple[int, int, int], path: Path) -> None:
    """Values as stored, and as float32 beside them where the header scales."""
    name = one_line(path.name)
    refuse_bomb(math.prod(shape) * (_dtype(header, name).itemsize + 4), path.stat().st_size, name)


def _read_array(stream: BinaryIO, header: Any, shape: tuple[int, int, int], name: str) -> NDArray[Any]:
    """Values in (I, J, K), read with everything behind them."""
    dtype = _dtype(header, name)
    start = int(header["vox_offset"]) if np.isfinite(header["vox_offset"]) else 0
    if not int(header["sizeof_hdr"]) <= start <= MAX_TRAILER:
        raise InputError("PS-A121", f"{name}: its data are said to begin at byte {start}: save it again")
    stream.seek(start)
    wanted = math.prod(shape) * dtype.itemsize
    data = _read_growing(stream, wanted)
    if len(data) < wanted:
        raise InputError("PS-A80", f"{name}: {len(data)} of {wanted} data bytes: copy it again from the source")
    extra = 0
    while chunk := stream.read(_CHUNK):  # to the end, where gzip checks its CRC
        extra += len(chunk)
        refuse_trailer(extra, wanted, name)
    array = np.frombuffer(data, dtype).reshape(shape, order="F")
    return _scaled(array.astype(dtype.newbyteorder("="), copy=False), header)


def _read_growing(stream: BinaryIO, wanted: int) -> bytearray:
    """Up to `wanted` bytes; memory grows with what is there, not with what the header claims."""
    data = bytearray()
    while len(data) < wanted:
        chunk = stream.read(min(_CHUNK * 16, wanted - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def _dtype(header: Any, name: str) -> np.dtype[Any]:
    from nibabel.spatialimages import HeaderDataError

    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except (HeaderDataError, KeyError) as error:
        raise InputError("PS-A121", f"{name} has an unknown data type") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError("PS-A121", f"{name} holds {dtype}: integers or real numbers were wanted: save it as such")
    return dtype


def _scaled(array: NDArray[Any], header: Any) -> NDArray[Any]:
    """Values by the header's slope and intercept; a slope of 0 or NaN means none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    intercept = intercept if math.isfinite(intercept) else 0.0
    if slope == 0 or not math.isfinite(slope) or (slope, intercept) == (1.0, 0.0):
        return array
    scaled = np.empty(array.shape, np.float32, order="F")
    with np.errstate(over="ignore", invalid="ignore"):  # infinite values are found by `check_image`
        for k in range(array.shape[2]):
            scaled[..., k] = array[..., k].astype(np.float64) * slope + intercept
    return scaled


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    """The array in a type every NIfTI reader knows."""
    if str(array.dtype) in _AS_STORED:
        return array
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    small = array.astype(np.uint8 if array.dtype.kind == "b" else np.int32)
    if array.dtype.kind not in "biu" or not np.array_equal(small, array):
        raise TypeError(f"values must be whole numbers within int32 or real numbers, got {array.dtype}")
    return small


def _write(stream: BinaryIO, volume: Volume, slices: NDArray[Any]) -> None:
    header: Any = import_module("nibabel").Nifti1Header()
    header.set_data_dtype(slices.dtype)
    header.set_data_shape(volume.shape)
    header.set_xyzt_units("mm")
    header.set_dim_info(slice=volume.slice_axis)
    header.set_qform(volume.affine, code=1)
    if volume.geometry.corner_distance_mm(Geometry(volume.shape, header.get_qform())) > QFORM_WRITTEN_MM:
        header["qform_code"] = 0
    header.set_sform(volume.affine, code=1)
    header["magic"], header["vox_offset"], header["scl_slope"], header["scl_inter"] = b"n+1", 352, 1.0, 0.0
    stream.write(header.binaryblock + bytes(4))
    for plane in slices:
        stream.write(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes())


def _verify(temporary: Path, volume: Volume, slices: NDArray[Any], name: str) -> None:
    written = read_nifti(temporary)
    apart = volume.geometry.corner_distance_mm(written.geometry)
    equal = np.array_equal(written.array.T, slices, equal_nan=slices.dtype.kind == "f")
    if apart > WRITTEN_MM or not equal:
        raise OutputError("PS-A105", f"{name} does not read back as it was written: the disk may be failing")
