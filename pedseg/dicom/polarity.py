"""MONOCHROME1: images whose least stored value is shown white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pedseg.dicom.frame import Frame, PixelData
from pedseg.errors import InputError, Notice


def shown_grey(frames: Sequence[Frame], wish: str) -> tuple[tuple[Frame, ...], tuple[Notice, ...]]:
    """Say which grey values MONOCHROME1 images have.

    Args:
        frames: of one volume.
        wish: "stored": grey = stored * slope + intercept, as for MONOCHROME2; "inverted": the stored values
            are mirrored within their bits first; empty: as stored, where the images agree.

    Raises:
        InputError: PS-A138 some images are MONOCHROME1 and nobody said what that means, or a lookup table
            stands in the way of inversion.
    """
    inverted = [frame.pixels is not None and frame.pixels.photometric == "MONOCHROME1" for frame in frames]
    n_inverted = sum(inverted)
    if not n_inverted:
        return tuple(frames), ()
    among = "" if n_inverted == len(frames) else f" of {len(frames)}"
    count = f"{n_inverted}{among} images are MONOCHROME1"
    if not wish and n_inverted < len(frames):
        text = f"{count}, the others MONOCHROME2: say with --monochrome1 whether to take them stored or inverted"
        raise InputError("PS-A138", text)
    if wish != "inverted":
        return tuple(frames), (Notice("PS-W24", f"{count}: grey values are used as stored, not inverted"),)
    mirrored = tuple(_mirrored(f) if dark else f for f, dark in zip(frames, inverted, strict=True))
    return mirrored, (Notice("PS-W24", f"{count}: grey values were inverted"),)


def _mirrored(frame: Frame) -> Frame:
    """(top - stored) * slope + intercept, written as another slope and intercept."""
    pixels = frame.pixels
    if pixels is None or pixels.modality_lut:
        text = f"{frame.name}: a Modality LUT gives its grey values, which cannot be inverted: take them stored"
        raise InputError("PS-A138", text)
    intercept = pixels.intercept + pixels.slope * _top(pixels)
    return replace(frame, pixels=replace(pixels, slope=-pixels.slope, intercept=intercept))


def _top(pixels: PixelData) -> int:
    """Least plus greatest value that can be stored."""
    return -1 if pixels.signed else 2**pixels.bits_stored - 1
