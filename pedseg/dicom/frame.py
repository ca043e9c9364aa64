"""One image of an exam, whichever file it came in: where it lies, what it belongs to, where its pixels are.

Classic single-frame files and the frames of an enhanced multi-frame file become the same record, so
one geometry code serves both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pedseg.dicom.header import NATIVE, UNDEFINED, Header
from pedseg.dicom.private import private_facts
from pedseg.dicom.tags import DOUBLE_PIXELS, FLOAT_PIXELS, MODALITY_LUT, REAL_WORLD_VALUES
from pedseg.dicom.values import complex_first, number, place_of, plain, rescale_value, whole
from pedseg.dicom.words import MODALITIES, SIDES, one_of, scanner
from pedseg.errors import InputError, PedsegError

_ENHANCED_MR = frozenset(["1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"])
_ENHANCED_CT = frozenset(["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"])
ENHANCED_CLASSES = _ENHANCED_MR | _ENHANCED_CT
"""SOP classes that hold many frames: Enhanced and Legacy Converted Enhanced."""
MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
MR_CLASSES = _ENHANCED_MR | {MR_CLASS}
CT_CLASSES = _ENHANCED_CT | {"1.2.840.10008.5.1.4.1.1.2"}


class SeriesKey(NamedTuple):
    """What images must share to belong to one series. Never shown: it identifies the patient."""

    patient: str
    study: str
    uid: str
    frame_of_reference: str
    number: str


class PhaseKey(NamedTuple):
    """What may tell several images at one position apart, in the order in which it is tried."""

    kind: tuple[str, ...] = ()
    temporal_position: float | None = None
    dimension: tuple[int, ...] = ()
    b_value: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    acquisition: float | None = None
    trigger_time: float | None = None
    series_number: float | None = None
    repetition_time: float | None = None
    sequence: tuple[str, ...] = ()


_NO_PHASE = PhaseKey()


@dataclass(frozen=True, slots=True)
class PixelData:
    """How the pixels of a file are stored.

    Args:
        syntax: transfer syntax UID.
        at: offset in the (inflated) file.
        length: declared bytes, or `header.UNDEFINED`.
        bits_allocated, bits_stored, high_bit: as in the header.
        signed: two's complement; None where the header does not say.
        photometric: MONOCHROME1 or MONOCHROME2.
        slope, intercept: grey value = stored * slope + intercept.
        modality_lut: a Modality LUT Sequence replaces slope and intercept.
        lossy: the image was compressed with loss at some time.
        rescaled: the header holds a Rescale Slope.
    """

    syntax: str
    at: int
    length: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool | None
    photometric: str
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: bool = False
    lossy: bool = False
    rescaled: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """One image.

    Args:
        path: its file.
        name: the file's name for messages, relative to the folder read, control characters escaped.
        number: the frame's number in its file, from 0.
        uid: SOP Instance UID of the file.
        series: what it belongs to.
        sop_class: SOP Class UID.
        image_type: values of Image Type.
        matrix: (rows, columns).
        position: centre of the first voxel, LPS mm; None where missing.
        snapped: position of an earlier image at the same place; empty where there is none.
        orientation: direction of rows (along columns' index), then of columns, LPS.
        spacing_mm: (between rows, between columns).
        echo_number, echo_time_ms: None where missing.
        phase: see `PhaseKey`.
        instance: Instance Number; used only to hint at missing end slices.
        stack_id, in_stack: Stack ID and In-Stack Position Number of an enhanced frame; used as `instance`.
        pixels: where they are; None where there are none.
        fault: why the image cannot be used; raised when its series is read.
        facts: plain values for reports.
        preamble: its file begins as the standard says.
        program: its file begins as a program does.
    """

    path: Path
    name: str
    number: int
    uid: str = field(repr=False)
    series: SeriesKey = field(repr=False)
    sop_class: str
    image_type: tuple[str, ...] = ()
    matrix: tuple[int, int] = (0, 0)
    position: tuple[float, ...] | None = None
    snapped: tuple[float, ...] = ()
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    echo_number: int | None = None
    echo_time_ms: float | None = None
    phase: PhaseKey = _NO_PHASE
    instance: int | None = None
    stack_id: str = ""
    in_stack: int | None = None
    pixels: PixelData | None = None
    fault: PedsegError | None = None
    facts: dict[str, str | int | float] = field(default_factory=dict)
    preamble: bool = True
    program: bool = False

    @property
    def place(self) -> tuple[float, ...]:
        """The position to a thousandth of a mm: equal for images of one slice."""
        return tuple(round(value, 3) for value in self.snapped or self.position or ())

    @property
    def normal(self) -> NDArray[np.float64]:
        """(3,) square to rows and columns, LPS; zeros where the orientation is missing."""
        return np.cross(*np.reshape(self.orientation or (0.0,) * 6, (2, 3)))

    @property
    def localizer(self) -> bool:
        """Whether the scanner calls it a localizer."""
        return "LOCALIZER" in self.image_type


def single_frame(header: Header, path: Path, name: str) -> Frame:
    """The record of a classic file that holds one image; what is wrong with it stands in `fault`."""
    frame = describe(header, path, name)
    try:
        check_complete(header, name)
        pixels = replace(pixel_data(header, name), rescaled=bool(header.text("RescaleSlope")))
        place = place_of(
            position=header.text("ImagePositionPatient"),
            orientation=header.text("ImageOrientationPatient"),
            spacing=header.text("PixelSpacing"),
            name=name,
        )
    except PedsegError as fault:
        return replace(frame, fault=fault)
    return replace(frame, pixels=pixels, position=place[0], orientation=place[1], spacing_mm=place[2])


def describe(header: Header, path: Path, name: str) -> Frame:
    """The record of a file without place and pixels."""
    return Frame(
        path=path,
        name=name,
        number=0,
        uid=header.text("SOPInstanceUID"),
        series=series_key(header),
        sop_class=header.text("SOPClassUID"),
        image_type=image_type(header),
        matrix=matrix(header),
        echo_number=whole(header.text("EchoNumbers").partition("\\")[0]),
        echo_time_ms=number(header.text("EchoTime")),
        phase=_phase(header),
        instance=whole(header.text("InstanceNumber")),
        facts=facts(header),
        preamble=header.preamble,
        program=header.program,
    )


def check_complete(header: Header, name: str, *, n_frames: int = 1) -> None:
    """Refuse a header that was cut or stands twice, other pixel bytes than the matrix needs, and a mosaic."""
    if header.two_in_one:
        raise InputError("PS-A121", f"{name} {header.two_in_one}: export it again")
    if header.noted & {FLOAT_PIXELS, DOUBLE_PIXELS}:
        text = f"{name} holds floating point pixels where an MR image has whole numbers"
        raise InputError("PS-A121", f"{text}: export it again")
    if header.truncated or header.pixels_at < 0:
        raise InputError("PS-A08", f"{name} ends before its pixel data: copy it again from the source")
    rows, columns = matrix(header)
    bits = header.unsigned("BitsAllocated") or 0
    wanted = rows * columns * bits // 8 * n_frames
    there = min(header.pixels_length, header.size - header.pixels_at)
    if header.pixels_length != UNDEFINED and there < wanted:
        raise InputError("PS-A08", f"{name}: {there} of {wanted} pixel bytes: copy it again from the source")
    measured = header.syntax in NATIVE and header.pixels_length != UNDEFINED and wanted and bits >= 8
    if measured and there - wanted >= columns * bits // 8:  # less is padding
        image = f"{columns}x{rows} image" if n_frames == 1 else f"{n_frames} frames of {columns}x{rows}"
        text = f"{name} holds {there} pixel bytes, {wanted} make the {image} of its header"
        raise InputError("PS-A121", f"{text}: export it again")
    if "MOSAIC" in image_type(header):
        raise InputError("PS-A59", f"{name} is a mosaic of many slices: export the series as one image per slice")


def pixel_data(header: Header, name: str) -> PixelData:
    """How and where the pixels are stored.

    Raises:
        InputError: PS-A121, tags that pixels need are missing or not understood.
    """
    values = [header.unsigned(word) for word in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")]
    allocated, stored, high, sign = values
    if allocated not in (8, 16, 32) or not stored or not 0 < stored <= allocated or min(matrix(header)) < 1:
        text = f"{name}: Rows, Columns, Bits Allocated or Bits Stored make no image"
        raise InputError("PS-A121", f"{text}: export it again")
    if header.pixels_length == UNDEFINED and header.syntax in NATIVE:
        raise InputError("PS-A121", f"{name}: its pixels are packed against its transfer syntax: export it again")
    high = stored - 1 if high is None or not stored - 1 <= high < allocated else high
    return PixelData(
        syntax=header.syntax,
        at=header.pixels_at,
        length=header.pixels_length,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=None if sign is None else sign == 1,
        photometric=header.text("PhotometricInterpretation").upper(),
        slope=rescale_value(header.text("RescaleSlope"), 1.0, name),
        intercept=rescale_value(header.text("RescaleIntercept"), 0.0, name),
        modality_lut=MODALITY_LUT in header.noted,
        lossy=header.text("LossyImageCompression") == "01",
    )


def image_type(header: Header) -> tuple[str, ...]:
    """Values of Image Type, upper case."""
    return tuple(part.strip().upper() for part in header.text("ImageType").split("\\"))


def matrix(header: Header) -> tuple[int, int]:
    """(rows, columns); 0 where missing."""
    return header.unsigned("Rows") or 0, header.unsigned("Columns") or 0


def series_key(header: Header) -> SeriesKey:
    """What the image belongs to."""
    words = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    written = header.text("SeriesNumber")
    counted = whole(written)
    return SeriesKey._make([*map(header.identity, words), written if counted is None else str(counted)])


def facts(header: Header) -> dict[str, str | int | float]:
    """Plain values about the source: no identity, no dates, no descriptions."""
    found = {
        "manufacturer": scanner(header.text("Manufacturer")),
        "model": scanner(header.text("ManufacturerModelName")),
        "modality": one_of(header.text("Modality"), MODALITIES),
        "body_part": plain(header.text("BodyPartExamined")).upper(),
        "laterality": one_of(header.text("ImageLaterality") or header.text("Laterality"), SIDES),
        "field_strength_t": number(header.text("MagneticFieldStrength")),
        "repetition_time_ms": number(header.text("RepetitionTime")),
        "images_in_acquisition": whole(header.text("ImagesInAcquisition")),
        "real_world_values": "not applied" if REAL_WORLD_VALUES in header.noted else "",
        **private_facts(header.values, little_endian=header.little_endian),
    }
    return {key: value for key, value in found.items() if value is not None and value != ""}


def _phase(header: Header) -> PhaseKey:
    return PhaseKey(
        kind=complex_first(header.text("ComplexImageComponent"), image_type(header)),
        temporal_position=number(header.text("TemporalPositionIdentifier")),
        b_value=header.double("DiffusionBValue"),
        inversion_time=number(header.text("InversionTime")),
        flip_angle=number(header.text("FlipAngle")),
        acquisition=number(header.text("AcquisitionNumber")),
        trigger_time=number(header.text("TriggerTime")),
        series_number=number(header.text("SeriesNumber")),
        repetition_time=number(header.text("RepetitionTime")),
        sequence=tuple(word.strip().upper() for word in header.text("ScanningSequence").split("\\") if word.strip()),
    )
