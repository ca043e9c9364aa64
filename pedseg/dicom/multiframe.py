"""The frames of an enhanced multi-frame file, as records like those of classic files."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from pedseg.dicom.bounded import BoundedFile
from pedseg.dicom.frame import Frame, PhaseKey, PixelData, check_complete, describe, pixel_data
from pedseg.dicom.header import PARSE_FAULTS, Header
from pedseg.dicom.values import complex_first, number, place_of, plain, rescale_value, whole
from pedseg.dicom.words import SIDES, one_of
from pedseg.errors import InputError, PedsegError

MAX_FRAMES = 65_536
_IN_STACK = frozenset([0x00209057, 0x00200032, 0x00209056, 0x00209156])
"""Dimensions that one volume may count: In-Stack Position, Image Position, Stack ID, Frame Acquisition Number."""


def multi_frames(header: Header, path: Path, name: str) -> tuple[Frame, ...]:
    """One record for each frame of a multi-frame file.

    Where the file cannot be used, one record whose `fault` says why.
    """
    file = describe(header, path, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of values nobody asked for
            return _frames(file, header)
    except PedsegError as fault:
        return (replace(file, fault=fault),)
    except PARSE_FAULTS as error:
        text = f"{name}: its frames cannot be told apart ({type(error).__name__}): export it as single images"
        return (replace(file, fault=InputError("PS-A121", text)),)


def _frames(file: Frame, header: Header) -> tuple[Frame, ...]:
    with BoundedFile(file.path) as bounded:
        dataset = dcmread(bounded, stop_before_pixels=True, force=True)
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if not 0 < len(groups) <= MAX_FRAMES or len(groups) != dataset.get("NumberOfFrames"):
        text = f"{len(groups)} frame descriptions for {plain(str(dataset.get('NumberOfFrames')))} frames"
        raise InputError("PS-A121", f"{file.name}: {text}: export it again")
    check_complete(header, file.name, n_frames=len(groups))
    pixels = pixel_data(header, file.name)
    shared = _first(dataset, "SharedFunctionalGroupsSequence")
    kept = _kept_dimensions(dataset)
    if parts := whole(str(dataset.get("InConcatenationTotalNumber", ""))):
        file = replace(file, facts={**file.facts, "images_in_concatenation": parts})
    component = str(dataset.get("ComplexImageComponent") or "")
    own = (_Groups(shared, group, kept, component) for group in groups)
    return tuple(_frame(file, i, group, pixels) for i, group in enumerate(own))


class _Groups:
    """The functional groups of one frame: its own, else the shared ones; `component` is the file's own."""

    def __init__(self, shared: Dataset, own: Dataset, dimensions: tuple[int, ...], component: str) -> None:
        self.shared, self.own, self.dimensions, self.component = shared, own, dimensions, component

    def item(self, macro: str) -> Dataset:
        """The macro's item; empty where the macro is missing."""
        return _first(self.own, macro) or _first(self.shared, macro)

    def text(self, macro: str, keyword: str) -> str:
        """A value as DICOM text; empty where missing."""
        value = self.item(macro).get(keyword)
        if value is None:
            return ""
        return str(value) if isinstance(value, str | int | float) else "\\".join(str(v) for v in value)

    def number(self, macro: str, keyword: str) -> float | None:
        """A value as a finite number; None where missing."""
        return number(self.text(macro, keyword))


def _frame(file: Frame, index: int, groups: _Groups, pixels: PixelData) -> Frame:
    slope = groups.text("PixelValueTransformationSequence", "RescaleSlope")
    intercept = groups.text("PixelValueTransformationSequence", "RescaleIntercept")
    frame_type = groups.text("MRImageFrameTypeSequence", "FrameType").upper()
    image_type = tuple(frame_type.split("\\")) if frame_type else file.image_type
    laterality = one_of(groups.text("FrameAnatomySequence", "FrameLaterality"), SIDES)
    frame = replace(
        file,
        number=index,
        image_type=image_type,
        echo_time_ms=_echo_time(groups),
        stack_id=groups.text("FrameContentSequence", "StackID"),
        in_stack=whole(groups.text("FrameContentSequence", "InStackPositionNumber")),
        phase=_phase(groups, image_type, file.phase),
        pixels=replace(
            pixels,
            slope=rescale_value(slope, pixels.slope, file.name),
            intercept=rescale_value(intercept, pixels.intercept, file.name),
        ),
        facts={**file.facts, "laterality": laterality} if laterality else file.facts,
    )
    try:
        position, orientation, spacing = place_of(
            position=groups.text("PlanePositionSequence", "ImagePositionPatient"),
            orientation=groups.text("PlaneOrientationSequence", "ImageOrientationPatient"),
            spacing=groups.text("PixelMeasuresSequence", "PixelSpacing"),
            name=f"{file.name} frame {index + 1}",
        )
    except PedsegError as fault:
        return replace(frame, fault=fault)
    return replace(frame, position=position, orientation=orientation, spacing_mm=spacing)


def _echo_time(groups: _Groups) -> float | None:
    """Effective Echo Time; files converted from single images may keep theirs among what was not assigned."""
    time = groups.number("MREchoSequence", "EffectiveEchoTime")
    kept = "UnassignedPerFrameConvertedAttributesSequence"
    return groups.number(kept, "EchoTime") if time is None else time


def _temporal(groups: _Groups) -> float | None:
    """Temporal Position Index, or the time itself where no frame is counted."""
    index = groups.number("FrameContentSequence", "TemporalPositionIndex")
    return groups.number("TemporalPositionSequence", "TemporalPositionTimeOffset") if index is None else index


def _phase(groups: _Groups, image_type: tuple[str, ...], top: PhaseKey) -> PhaseKey:
    values: Any = groups.item("FrameContentSequence").get("DimensionIndexValues") or ()
    values = (values,) if isinstance(values, int) else tuple(values)
    component = groups.text("MRImageFrameTypeSequence", "ComplexImageComponent") or groups.component
    return PhaseKey(
        kind=complex_first(component, image_type),
        temporal_position=_temporal(groups),
        dimension=tuple(int(values[i]) for i in groups.dimensions if i < len(values)),
        b_value=groups.number("MRDiffusionSequence", "DiffusionBValue"),
        inversion_time=groups.number("MRModifierSequence", "InversionTimes"),
        flip_angle=groups.number("MRTimingAndRelatedParametersSequence", "FlipAngle"),
        acquisition=groups.number("FrameContentSequence", "FrameAcquisitionNumber"),
        trigger_time=groups.number("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
        series_number=top.series_number,
        repetition_time=groups.number("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    )


def _kept_dimensions(dataset: Dataset) -> tuple[int, ...]:
    """Which of the Dimension Index Values say something else than the place in the stack."""
    pointers = [item.get("DimensionIndexPointer") for item in dataset.get("DimensionIndexSequence") or ()]
    return tuple(i for i, pointer in enumerate(pointers) if pointer not in _IN_STACK)


def _first(dataset: Dataset, keyword: str) -> Dataset:
    items = dataset.get(keyword)
    return items[0] if items else Dataset()
