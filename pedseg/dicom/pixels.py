"""Grey values of images, slice by slice, straight into one array."""

from __future__ import annotations

import math
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from pedseg.dicom.bounded import BoundedFile
from pedseg.dicom.codestream import HEAD_BYTES, begins_image, coded_size, says_signed
from pedseg.dicom.frame import ENHANCED_CLASSES, Frame, PixelData
from pedseg.dicom.header import NATIVE, PARSE_FAULTS, read_inflated
from pedseg.dicom.values import uid_name
from pedseg.errors import InputError, Notice
from pedseg.volumes.limits import refuse_bomb

_BYTE = 8
_EXACT = 1 << 23
"""Steps of the slope that float32 tells apart beside an intercept of so many steps."""
_GROWN = re.compile(r"RLE segment contains .* padding - (\d+) vs\. (\d+) bytes")
"""pydicom's warning: bytes that came, and bytes of the image."""
_RLE_RATIO = 64
"""Two bytes of RLE stand for 128 at most."""
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def read_grey(frames: Sequence[Frame], *, notices: list[Notice] | None = None) -> NDArray[Any]:
    """Grey values of a stack: stored values by slope and intercept, MONOCHROME1 not inverted.

    Args:
        frames: in the order of K; one matrix for all.
        notices: gets what is worth a warning.

    Returns:
        (I, J, K) = (columns, rows, slices): of the stored integer type where slope and intercept are
        1 and 0 throughout, else float32 (computed in float64, each slice with its own slope).

    Raises:
        InputError: PS-A08 truncated, PS-A17 a decoder is missing, PS-A121 not decodable,
            PS-A66 not finite after rescaling.
    """
    pixels = [_pixels(frame) for frame in frames]
    exact = all(p.slope == 1.0 and p.intercept == 0.0 and not p.modality_lut for p in pixels)
    dtype = np.result_type(*{stored_type(p) for p in pixels}) if exact else np.dtype(np.float32)
    rows, columns = frames[0].matrix
    stored = sum(path.stat().st_size for path in {frame.path for frame in frames})
    refuse_bomb(len(frames) * rows * columns * dtype.itemsize, stored, frames[0].name)
    slices = np.empty((len(frames), rows, columns), dtype)  # (K, J, I): each slice is one piece of memory
    n_cleared = 0
    for k, raw in _planes(frames):
        plane = _unused_bits_cleared(raw, pixels[k])
        if pixels[k].signed is None:
            _refuse_negative(plane, frames[k], "no")
        n_cleared += _holds_more(raw, plane, pixels[k])
        slices[k] = plane if exact else _grey(frames[k], plane)
        if not exact and (bad := plane.size - np.count_nonzero(np.isfinite(slices[k]))):
            text = f"{bad} of {plane.size} grey values are not finite by its Rescale Slope and Intercept"
            raise InputError("PS-A66", f"{frames[k].name}: {text}: export it again")
    if n_cleared and notices is not None:
        text = f"{n_cleared} of {len(frames)} images hold more above their Bits Stored, which was cleared"
        notices.append(Notice("PS-W64", f"{text}: overlays, or grey values that their header does not allow"))
    return slices.transpose(2, 1, 0)


def same_pixels(a: Frame, b: Frame) -> bool:
    """Whether two images hold the same grey values."""
    return a.matrix == b.matrix and bool(np.array_equal(read_grey([a]), read_grey([b])))


def stored_type(pixels: PixelData) -> np.dtype[Any]:
    """Integer type of the stored values, in the machine's byte order."""
    return np.dtype(f"{'i' if pixels.signed else 'u'}{pixels.bits_allocated // _BYTE}")


def _pixels(frame: Frame) -> PixelData:
    if frame.pixels is None:
        raise InputError("PS-A08", f"{frame.name} holds no pixel data")
    return frame.pixels


def _planes(frames: Sequence[Frame]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Pairs of slice number and (rows, columns) stored values, file by file."""
    by_file: dict[Path, list[int]] = defaultdict(list)
    for k, frame in enumerate(frames):
        by_file[frame.path].append(k)
    for numbers in by_file.values():
        images = [frames[k] for k in numbers]
        planes = _native(images) if _is_native(_pixels(images[0])) else _decoded(images)
        for k, plane in zip(numbers, planes, strict=True):
            yield k, plane


def _is_native(pixels: PixelData) -> bool:
    # 8-bit big endian words swap pairs of bytes: left to pydicom.
    return pixels.syntax in NATIVE and not (pixels.syntax == ExplicitVRBigEndian and pixels.bits_allocated == _BYTE)


def _native(images: Sequence[Frame]) -> Iterator[NDArray[Any]]:
    """Uncompressed frames of one file."""
    pixels, name = _pixels(images[0]), images[0].name
    dtype = stored_type(pixels).newbyteorder(">" if pixels.syntax == ExplicitVRBigEndian else "<")
    rows, columns = images[0].matrix
    count = rows * columns
    try:
        data = read_inflated(images[0].path) if pixels.syntax == DeflatedExplicitVRLittleEndian else None
        for image in images:
            offset = pixels.at + image.number * count * dtype.itemsize
            if data is None:
                plane = np.fromfile(image.path, dtype, count, offset=offset)
            else:
                plane = np.frombuffer(data, dtype, count, offset)
            if plane.size < count:
                raise InputError("PS-A08", f"{name}: {plane.size} of {count} pixels: copy it again from the source")
            yield plane.reshape(rows, columns)
    except OSError as error:
        raise InputError("PS-A07", f"the pixels of {name} cannot be read: copy it again from the source") from error
    except PARSE_FAULTS as error:
        raise InputError("PS-A121", f"the pixels of {name} are not where its header says: export it again") from error


def _decoded(images: Sequence[Frame]) -> Iterator[NDArray[Any]]:
    """Frames of one file through pydicom's decoders."""
    first = images[0]
    _check_decoder(_pixels(first), first.name)
    is_signed = _check_fragments(first)
    indices = [image.number for image in images]
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with BoundedFile(first.path) as bounded:
                for plane in iter_pixels(_source(first, bounded), raw=True, indices=indices):
                    if plane.shape != first.matrix or _longer(told) >= first.matrix[1]:
                        raise ValueError(f"decoded to more or less than {plane.shape}")
                    if is_signed and _pixels(first).signed is False:
                        _refuse_negative(_unused_bits_cleared(plane, _pixels(first)), first, "an unsigned")
                    yield plane
    except (OSError, RuntimeError, *PARSE_FAULTS) as error:
        raise InputError("PS-A121", f"the pixels of {first.name} cannot be decoded: export the series again") from error


def _longer(told: Sequence[warnings.WarningMessage]) -> int:
    """Bytes by which run-length pixels outgrew their image, as pydicom says while it cuts them; some are padding."""
    grown = (_GROWN.search(str(warning.message)) for warning in told)
    return max((int(found[1]) - int(found[2]) for found in grown if found), default=0)


def _source(frame: Frame, file: BoundedFile) -> BoundedFile | Dataset:
    """The file; where the table of offsets of a single image is wrong, its data set without the table."""
    file.seek(_pixels(frame).at)
    head = file.read(12)
    file.seek(0)
    length = int.from_bytes(head[4:8], "little")
    if frame.sop_class in ENHANCED_CLASSES or not length or not any(head[8:]):
        return file
    dataset = dcmread(file)
    dataset.PixelData = _ITEM + bytes(4) + dataset.PixelData[8 + length :]
    return dataset


def _check_decoder(pixels: PixelData, name: str) -> None:
    syntax = uid_name(pixels.syntax)
    try:
        decoder = get_decoder(pixels.syntax)
    except NotImplementedError as error:
        text = f"{name}: transfer syntax {syntax} is not supported: export the series uncompressed"
        raise InputError("PS-A17", text) from error
    if not decoder.is_available:
        text = f"{name}: transfer syntax {syntax} needs a decoder: pip install 'pedseg[codecs]'"
        raise InputError("PS-A17", text)


def _check_fragments(frame: Frame) -> bool:
    """Compressed pixels must run to their delimiter: some decoders fill up what a cut file lacks.

    Each must say the size of the image that the header says, before a decoder asks for memory.

    Returns:
        Whether one says that its values are signed.
    """
    size, packed, n_begun, is_signed = frame.path.stat().st_size, 0, 0, False
    with frame.path.open("rb") as file:
        file.seek(_pixels(frame).at)
        while (head := file.read(8))[:4] == _ITEM and len(head) == 8:
            start, length = file.tell(), int.from_bytes(head[4:], "little")
            begun = file.read(min(length, HEAD_BYTES))
            _check_codestream(begun, frame)
            n_begun += begins_image(begun)
            is_signed |= says_signed(begun)
            packed += length
            file.seek(start + length)
            if file.tell() > size:
                break
        if head[:4] != _DELIMITER:
            raise InputError("PS-A08", f"{frame.name}: its compressed pixels are cut: copy it again from the source")
    if n_begun > 1 and frame.sop_class not in ENHANCED_CLASSES:
        text = f"{frame.name} holds {n_begun} compressed images, its header speaks of one"
        raise InputError("PS-A121", f"{text}: export it again")
    wanted = math.prod(frame.matrix) * _pixels(frame).bits_allocated // _BYTE
    if _pixels(frame).syntax == RLELossless and wanted > _RLE_RATIO * packed:
        raise InputError("PS-A08", f"{frame.name}: {packed} packed bytes cannot hold {wanted}: copy it again")
    return is_signed


def _check_codestream(head: bytes, frame: Frame) -> None:
    rows, columns = frame.matrix
    said = coded_size(head)
    if said is None:
        return
    if said[:3] != (rows, columns, 1):
        text = f"is {said[1]}x{said[0]}, its header says {columns}x{rows}, one value a pixel"
    elif said[3] > _pixels(frame).bits_allocated:
        text = f"has {said[3]} bits, its header says {_pixels(frame).bits_allocated}"
    else:
        return
    raise InputError("PS-A121", f"{frame.name}: its compressed image {text}: export the series again")


def _unused_bits_cleared(plane: NDArray[Any], pixels: PixelData) -> NDArray[Any]:
    """Clear what lies above and below the stored bits (overlays, padding) and extend the sign."""
    if pixels.bits_stored == pixels.bits_allocated:
        return plane
    container = pixels.syntax in NATIVE or pixels.syntax == RLELossless
    high_bit = pixels.high_bit if container else pixels.bits_stored - 1
    above = pixels.bits_allocated - 1 - high_bit
    native: NDArray[Any] = plane.astype(stored_type(pixels))
    return (native << above) >> (pixels.bits_allocated - pixels.bits_stored)


def _holds_more(raw: NDArray[Any], plane: NDArray[Any], pixels: PixelData) -> bool:
    """Whether bits above the stored ones held anything but the sign."""
    if pixels.bits_stored == pixels.bits_allocated or pixels.high_bit != pixels.bits_stored - 1:
        return False
    return not np.array_equal(raw, plane)


def _refuse_negative(values: NDArray[Any], frame: Frame, representation: str) -> None:
    """Where the sign is in doubt, values up to the highest bit are as much positive as negative."""
    if int(values.max()) >> _pixels(frame).bits_stored - 1:
        text = f"{frame.name} has {representation} Pixel Representation, and its upper grey values may mean negative"
        raise InputError("PS-A121", f"{text} ones: export it again")


def _grey(frame: Frame, stored: NDArray[Any]) -> NDArray[Any]:
    pixels = _pixels(frame)
    if pixels.modality_lut:
        with BoundedFile(frame.path) as bounded:
            return np.asarray(apply_modality_lut(stored, dcmread(bounded, stop_before_pixels=True)))
    if abs(pixels.intercept) > abs(pixels.slope) * _EXACT or (pixels.slope == 0 and np.ptp(stored)):
        text = f"{frame.name}: with Rescale Slope {pixels.slope:g} and Intercept {pixels.intercept:g} grey values merge"
        raise InputError("PS-A121", f"{text}: export it again")
    with np.errstate(over="ignore"):  # refused by the caller
        return (stored * np.float64(pixels.slope) + pixels.intercept).astype(np.float32)
