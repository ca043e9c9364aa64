"""Section A4 of the fault catalogue, rows 61 to 68: grey values."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import enhanced_faults as en
import grey_faults as grey
import nibabel as nib
import numpy as np
import pytest
from dicom_rows import Deed, DicomRow, check
from geometry_faults import one_raw, series
from grey_faults import SMALL, GreyRow, bits, holding, signed, words
from mr_series import raw

from pedseg.dicom import ReadOptions, read_volume
from pedseg.errors import InputError, PedsegError
from pedseg.plan.preset import load_preset
from pedseg.volumes.intensity import normalise
from pedseg.volumes.nifti import read_nifti

HOT = 65535
W64 = ("PS-W64",)
CLIP = load_preset("default").normalisation.clip_percentiles


def scaled_alike(folder: Path) -> None:
    """Stored, displayed and Philips' floating point values are one image to the network: equal z-scores."""
    write = series(grey.scale_slope(lambda _: 0.004), grid=SMALL)
    write(folder)
    displayed = read_volume(folder).array
    stored = displayed / 0.5
    as_float = stored / 0.004
    for values in (stored, as_float):
        np.testing.assert_allclose(normalise(values), normalise(displayed), atol=1e-5)


def bone(folder: Path) -> np.ndarray:
    """(90, 80, 70): dark bone in grey tissue, blurred, with noise."""
    centre = (np.indices((90, 80, 70)).T - [45, 40, 35]).T
    distance = np.sqrt(np.square(centre / np.reshape([30, 22, 20], (3, 1, 1, 1))).sum(axis=0))
    smooth = 300 + 900 / (1 + np.exp(-12 * (distance - 1)))
    return np.rint(smooth + np.random.default_rng(3).normal(0, 40, smooth.shape)).astype(np.uint16)


def hot_voxels(folder: Path) -> None:
    """Five voxels of 65535 change less than 0.1 % of a mask that hangs on the normalised grey values."""
    image = bone(folder)
    hot = image.copy()
    hot.ravel()[[5, 90_001, 200_002, 300_003, 450_004]] = HOT
    for level in (-1.0, -0.5, 0.0):
        mask, other = (normalise(a, clip_percentiles=CLIP) < level for a in (image, hot))
        assert np.count_nonzero(mask != other) < 1e-3 * np.count_nonzero(mask)
    plain = [normalise(a) < -1.0 for a in (image, hot)]
    assert np.count_nonzero(plain[0] != plain[1]) > 0.01 * np.count_nonzero(plain[0])  # what clipping is for


def negative_values(folder: Path) -> None:
    """Grey values below 0 are as good as others."""
    image = bone(folder).astype(np.int16)
    np.testing.assert_allclose(
        normalise(image - np.int16(2000), clip_percentiles=CLIP), normalise(image, clip_percentiles=CLIP), atol=1e-4
    )


def papers_do_not_clip(folder: Path) -> None:
    """The papers' presets take the plain z-score, as the papers say."""
    for preset in ("miccai2021", "isbi2021", "combreg", "media2023"):
        assert load_preset(preset).normalisation.clip_percentiles is None
    assert CLIP == (0.05, 99.95)


def nifti_of(values: np.ndarray, says: str, folder: Path) -> None:
    """A NIfTI exam is refused when it is normalised, with the count."""
    nib.Nifti1Image(values, np.diag([0.3, 0.25, 0.8, 1])).to_filename(folder / "exam.nii.gz")
    exam = read_nifti(folder / "exam.nii.gz")
    with pytest.raises(InputError, match=says):
        normalise(exam.array, clip_percentiles=CLIP)


def holes(value: float) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    values[3, :3, 5] = value
    return values


def absurd(folder: Path) -> None:
    """Refused before memory is asked for."""
    grey.compressed_and_absurd(folder)
    tracemalloc.start()
    try:
        with pytest.raises(PedsegError, match="PS-A68: the series: 65535x65535x5 voxels, at most 1073741824 are read"):
            read_volume(folder)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def limit(n: int) -> dict[str, ReadOptions]:
    return {"options": ReadOptions(max_voxels=n)}


def small(change) -> object:
    return series(change, grid=SMALL)


def without_sign(stored) -> object:
    """Pixel Representation is missing."""

    def change(k, ds):
        del ds.PixelRepresentation
        return holding(stored)(k, ds)

    return change


SCALING = (
    GreyRow("61", "no slope and intercept", holding(words), words),
    GreyRow("61-identity", "1 and 0", holding(words, RescaleSlope="1", RescaleIntercept="0"), words),
    GreyRow("61-empty", "both empty", holding(words, RescaleSlope="", RescaleIntercept=""), words),
    GreyRow("61-signed", "signed words", holding(signed, PixelRepresentation=1), signed, np.int16),
    GreyRow(
        "62",
        "a slope and an intercept for each slice",
        holding(words, RescaleSlope=lambda k: f"{0.37 + 0.11 * k:.2f}", RescaleIntercept=lambda k: f"{-3.5 * k}"),
        lambda k: words(k).astype(float) * (0.37 + 0.11 * k) - 3.5 * k,
        np.float32,
        within=4e-3,
    ),
    GreyRow(
        "62-one",
        "one slice of five has a slope",
        holding(words, RescaleSlope=lambda k: "0.001" if k == 2 else "1"),
        lambda k: words(k) * (0.001 if k == 2 else 1.0),
        np.float32,
        within=4e-6,
    ),
    GreyRow(
        "62-some",
        "the first two slices have no slope",
        grey.scaled_from(2),
        lambda k: words(k) * (2.0 if k >= 2 else 1.0),
        np.float32,
        notices=("PS-W62",),
    ),
    GreyRow(
        "62-negative",
        "a slope below 0",
        holding(words, RescaleSlope="-2", RescaleIntercept="7"),
        lambda k: words(k) * -2.0 + 7,
        np.float32,
    ),
    GreyRow(
        "62-philips",
        "Philips' private scale is told, not applied",
        grey.scale_slope(lambda _: 0.25),
        lambda k: words(k) * 0.5,
        np.float32,
        (("philips_scale_slope", 0.25),),
    ),
    GreyRow(
        "62-philips-varying",
        "it varies: not even told",
        grey.scale_slope(lambda k: 0.25 + k),
        lambda k: words(k) * 0.5,
        np.float32,
        (("philips_scale_slope", None),),
    ),
    Deed("62-alike", "constant scales leave the z-score as it is", scaled_alike),
    DicomRow("62-enhanced", "a slope for each frame", en.file_of(en.own_slopes)),
    DicomRow("63-enhanced", "a Real World Value Mapping for all frames", en.file_of(en.doubled_values)),
    DicomRow(
        "62-nan",
        "a slope of nan",
        one_raw("RescaleSlope", b"nan "),
        "PS-A121",
        "im0005: Rescale Slope or Intercept",
    ),
    DicomRow("62-text", "an intercept of text", one_raw("RescaleIntercept", b"none"), "PS-A121", "im0005: Rescale"),
    DicomRow("62-zero", "a slope of 0", series(RescaleSlope="0"), "PS-A121", "Rescale Slope 0 .* grey values merge"),
    DicomRow(
        "62-zero-one",
        "a slope of 0 in one slice",
        series(lambda k, ds: raw(ds, "RescaleSlope", "DS", b"0 " if k == 4 else b"1 ")),
        "PS-A121",
        "im0005: with Rescale Slope 0 and Intercept 0 grey values merge: export it again",
    ),
    DicomRow(
        "62-swallowed",
        "an intercept beside which single precision knows no steps of the slope",
        series(RescaleSlope="1", RescaleIntercept="1e8"),
        "PS-A121",
        "im0001: with Rescale Slope 1 and Intercept 1e.08 grey values merge",
    ),
    DicomRow(
        "62-frame-zero",
        "a slope of 0 in one frame",
        en.file_of(en.each_frame(en.one_slope_of_0)),
        "PS-A121",
        "Rescale Slope 0 .* grey values merge",
    ),
    GreyRow("63", "a Modality LUT", grey.lut, lambda k: 7 * (words(k).astype(int) % 256) + k, np.float32),
    GreyRow(
        "63-real-world",
        "a Real World Value Mapping is told, not applied",
        grey.real_world,
        words,
        facts=(("real_world_values", "not applied"),),
    ),
)
BITS = (
    *(
        GreyRow(
            f"64-{n}-{'signed' if sign else 'unsigned'}",
            f"{n} bits, others above them",
            *bits(n, sign=sign),
            np.int16 if sign else np.uint16,
            notices=W64 if n < 16 else (),
        )
        for n in range(8, 17)
        for sign in (False, True)
    ),
    GreyRow(
        "64-upper",
        "12 bits in the upper part",
        holding(words, BitsStored=12, HighBit=15),
        lambda k: words(k) >> 4,
    ),
    GreyRow("64-overlay", "overlays in the upper bits", grey.overlaid, lambda k: words(k) % 4096, notices=W64),
    GreyRow(
        "64-extended",
        "12 bits whose sign goes on above them",
        holding(lambda k: signed(k) // 16, BitsStored=12, HighBit=11, PixelRepresentation=1),
        lambda k: signed(k) // 16,
        np.int16,
    ),
    GreyRow("64-low-bit", "High Bit below the stored bits", holding(words, HighBit=7), words),
    GreyRow(
        "64-mixed",
        "12 and 16 bits in turn",
        holding(words, BitsStored=lambda k: 12 + 4 * (k % 2), HighBit=lambda k: 11 + 4 * (k % 2)),
        lambda k: words(k) if k % 2 else words(k) % 4096,
        notices=W64,
    ),
    GreyRow(
        "64-32",
        "20 bits of 32",
        holding(lambda k: words(k, "<u4"), BitsAllocated=32, BitsStored=20, HighBit=19),
        lambda k: words(k, "<u4") % 2**20,
        np.uint32,
        notices=W64,
    ),
    GreyRow(
        "64-bytes",
        "bytes",
        holding(lambda k: words(k, "u1"), BitsAllocated=8, BitsStored=8, HighBit=7),
        lambda k: words(k, "u1"),
        np.uint8,
    ),
    GreyRow(
        "64-signs",
        "signed and unsigned slices in turn",
        holding(lambda k: np.full((6, 5), 65531 if k % 2 else 60000 + k, "<u2"), PixelRepresentation=lambda k: k % 2),
        lambda k: np.full((6, 5), -5 if k % 2 else 60000 + k),
        np.int32,
    ),
    GreyRow(
        "64-no-sign",
        "no Pixel Representation, and no value that needs it",
        without_sign(lambda k: words(k) // 2),
        lambda k: words(k) // 2,
    ),
    DicomRow(
        "64-no-sign-high",
        "no Pixel Representation, and values that are negative or high",
        small(without_sign(words)),
        "PS-A121",
        "im0001 has no Pixel Representation, and its upper grey values may mean negative ones: export it again",
    ),
    DicomRow(
        "64-eight",
        "8 bits in the header, 16 in the pixels",
        small(holding(words, BitsAllocated=8, BitsStored=8, HighBit=7)),
        "PS-A121",
        "im0001 holds 60 pixel bytes, 30 make the 5x6 image of its header",
    ),
    DicomRow(
        "64-absurd",
        "32 bits stored of 16",
        small(lambda _, ds: raw(ds, "BitsStored", "US", b"\x20\0")),
        "PS-A121",
        "make no image",
    ),
)
VALUES = (
    DicomRow("65", "one value", small(holding(lambda _: np.full((6, 5), 7, "<u2"))), "PS-A65", r"constant \(7\)"),
    Deed("65-nifti", "one value in NIfTI", lambda f: nifti_of(np.full((9, 9, 9), 7, np.int16), "PS-A65.*value 7", f)),
    Deed("65-few", "one value but for three voxels", lambda f: nifti_of(few(), "PS-A65", f)),
    Deed("66", "NaN in NIfTI", lambda f: nifti_of(holes(np.nan), "PS-A66: .*got 3 of 8000 NaN or infinite", f)),
    Deed("66-inf", "infinite in NIfTI", lambda f: nifti_of(holes(-np.inf), "PS-A66: .*got 3 of 8000", f)),
    DicomRow(
        "66-float",
        "Float Pixel Data in an MR image",
        small(grey.float_pixels),
        "PS-A121",
        "im0001 holds floating point pixels",
    ),
    DicomRow(
        "66-slope",
        "grey values beyond single precision",
        small(holding(words, RescaleSlope="1e38")),
        "PS-A121",
        "im0001: Rescale Slope or Intercept '1e38' is no usable number",
    ),
    Deed("67", "five hot voxels", hot_voxels),
    Deed("67-negative", "values below 0", negative_values),
    Deed("67-papers", "the papers clip nothing", papers_do_not_clip),
    Deed("68", "65535 x 65535, compressed", absurd),
    DicomRow(
        "68-lie",
        "65535 x 65535 of 60 bytes",
        small(lambda _, ds: raw(raw(ds, "Rows", "US", b"\xff\xff"), "Columns", "US", b"\xff\xff")),
        "PS-A08",
        "60 of 8589672450 pixel bytes",
    ),
    DicomRow("68-zero", "no rows", small(lambda _, ds: raw(ds, "Rows", "US", b"\0\0")), "PS-A121", "make no image"),
    DicomRow(
        "68-limit",
        "a voxel too many",
        series(grid=SMALL),
        "PS-A68",
        "5x6x5 voxels, at most 149",
        choice=limit(149),
    ),
    DicomRow("68-allowed", "as many as allowed", series(grid=SMALL), grid=SMALL, choice=limit(150)),
    DicomRow(
        "68-frames",
        "4 000 000 000 frames",
        en.file_of(lambda ds: setattr(ds, "NumberOfFrames", 4_000_000_000)),
        "PS-A121",
        "16 frame descriptions for 4000000000 frames",
    ),
)
ROWS = (*SCALING, *BITS, *VALUES)


def few() -> np.ndarray:
    """A constant image but for three voxels: clipped, they are gone."""
    values = np.zeros((50, 50, 50), np.int16)
    values[0, 0, :3] = 900
    return values


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: DicomRow | GreyRow | Deed, tmp_path):
    exam = tmp_path / "exam"
    exam.mkdir()
    if isinstance(row, DicomRow):
        check(row, exam)
    else:
        row.hold(exam)
