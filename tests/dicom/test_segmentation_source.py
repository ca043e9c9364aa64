"""The images a DICOM SEG refers to, and what they must hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from enhanced_mr import enhanced, frame_groups
from frames import frame
from mr_series import Grid, image, save, uid, write_series
from pydicom.dataset import Dataset

from pedseg.dicom.frame import MR_CLASS, Frame
from pedseg.dicom.segmentation_source import TYPE_2, bare_images, find_source, segmentation_source
from pedseg.dicom.stack import Stack
from pedseg.errors import GeometryError, OutputError

SMALL = Grid(rows=6, columns=5, n=4)


@pytest.fixture
def slices(tmp_path: Path) -> list[Frame]:
    """Eleven upright images of 1 mm pixels that lie in one file with a header."""
    path = save(image(SMALL, 0), tmp_path / "im1")
    key = ("p", "1.3", "1.4", "1.5", "1")
    return [frame(k, path=path, name="im1", uid=f"1.2.{k}", series=key, sop_class=MR_CLASS) for k in range(11)]


def stack(slices: list[Frame], *, sideways_mm: float = 0.0) -> Stack:
    """The images with a shear that moves the last one by so much."""
    affine = np.eye(4)
    affine[0, 2] = sideways_mm / (len(slices) - 1)
    return Stack(tuple(slices), affine)


def test_a_stack_out_of_several_enhanced_files_is_refused(tmp_path: Path) -> None:
    for n, half in enumerate((range(2), range(2, 4))):
        ds = enhanced([(k, frame_groups(k, grid=SMALL)) for k in half], grid=SMALL)
        ds.SOPInstanceUID = uid("half", n)
        save(ds, tmp_path / f"file{n}")
    with pytest.raises(OutputError, match=r"PS-A172: .* one multi-frame file, the slices lie in several"):
        find_source(tmp_path)


@pytest.mark.parametrize("word", ["SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID"])
def test_a_tag_that_must_be_there_is_named_and_never_made_up(tmp_path: Path, word: str) -> None:
    def change(_: int, ds: Dataset) -> Dataset:
        ds.ensure_file_meta()
        ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        delattr(ds, word)
        return ds

    folder = write_series(tmp_path / "exam", change, grid=SMALL)
    with pytest.raises(OutputError, match=rf"PS-A111: a DICOM SEG needs {word}, which the images lack: "):
        find_source(folder)


def test_a_tag_that_one_image_lacks_is_named_with_the_others(slices: list[Frame]) -> None:
    slices[2] = replace(slices[2], uid="", series=slices[2].series._replace(study=""))
    with pytest.raises(OutputError, match=r"PS-A111: a DICOM SEG needs SOPInstanceUID, StudyInstanceUID, which"):
        segmentation_source(stack(slices))


@pytest.mark.parametrize(
    ("sideways_mm", "pixel_mm", "taken"), [(0.09, 1.0, True), (0.11, 1.0, False), (0.04, 0.2, True), (0.06, 0.2, False)]
)
def test_a_shear_counts_at_the_last_slice_in_mm_and_in_pixels(
    sideways_mm: float, pixel_mm: float, taken: bool, slices: list[Frame]
) -> None:
    fine = [replace(f, spacing_mm=(1.0, pixel_mm)) for f in slices]
    if taken:
        assert segmentation_source(stack(fine, sideways_mm=sideways_mm)).frames == tuple(fine)
        return
    with pytest.raises(GeometryError, match=rf"PS-A171: the last slice lies {sideways_mm:.2f} mm sideways .*: write "):
        segmentation_source(stack(fine, sideways_mm=sideways_mm))


def test_slices_come_in_order_and_the_header_holds_identity_and_dates_only(tmp_path: Path) -> None:
    tags = {"PatientName": "Doe^Jane", "SeriesDate": "20200103", "StudyDescription": "ZZPHI"}
    source = find_source(write_series(tmp_path / "exam", grid=replace(SMALL, step=-0.8), **tags))
    assert [f.name for f in source.frames] == ["im0004", "im0003", "im0002", "im0001"]
    assert {e.keyword for e in source.header} == {"PatientName", "PatientID", "StudyDate", "SeriesDate"}
    assert (str(source.header.PatientName), source.multi_frame) == ("Doe^Jane", False)


def test_a_header_that_is_gone_is_refused(slices: list[Frame]) -> None:
    slices[0].path.unlink()
    with pytest.raises(OutputError, match=r"PS-A111: im1: its header cannot be copied .*\(FileNotFoundError\)"):
        segmentation_source(stack(slices))


def test_bare_images_tell_what_is_referred_to_and_no_text(slices: list[Frame]) -> None:
    images = bare_images(segmentation_source(stack(slices)), 1.5)
    assert len(images) == len(slices)
    one = images[3]
    assert {word: one[word].value for word in TYPE_2} == dict.fromkeys(TYPE_2)
    assert (one.SOPInstanceUID, one.StudyInstanceUID, one.SeriesInstanceUID) == ("1.2.3", "1.3", "1.4")
    assert (one.Rows, one.Columns, one.SpacingBetweenSlices) == (6, 5, 1.5)
    assert list(one.ImagePositionPatient) == [0, 0, 3]
    assert "PixelData" not in one


def test_frames_of_one_file_become_one_bare_image(slices: list[Frame]) -> None:
    frames = [replace(f, number=n) for n, f in enumerate(slices)]
    (whole,) = bare_images(segmentation_source(stack(frames)), 1.5)
    (shared,) = whole.SharedFunctionalGroupsSequence
    assert (whole.NumberOfFrames, shared.PixelMeasuresSequence[0].SliceThickness) == (11, 1.5)
    places = [g.PlanePositionSequence[0].ImagePositionPatient for g in whole.PerFrameFunctionalGroupsSequence]
    assert [list(place) for place in places] == [[0, 0, k] for k in range(11)]
