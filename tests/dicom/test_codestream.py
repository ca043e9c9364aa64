"""The size inside a codestream, against those that encoders write and bytes made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from mr_series import Grid, image
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from pedseg.dicom.codestream import begins_image, coded_size, says_signed

GRID = Grid(rows=48, columns=40)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_the_size_that_an_encoder_wrote(syntax):
    ds = image(GRID, 0)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(syntax, generate_instance_uid=False)
    assert coded_size(get_frame(ds.PixelData, 0, number_of_frames=1)) == (48, 40, 1, 16)


def test_rle_is_no_codestream():
    ds = image(GRID, 0)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(RLELossless, generate_instance_uid=False)
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    assert coded_size(frame) is None
    assert begins_image(frame)
    assert not begins_image(frame[64:])


def test_segments_before_the_frame_header_are_passed_over():
    tables = b"\xff\xe0\x00\x04ab" + b"\xff\xff\xdb\x00\x03a" + b"\xff\x01" + b"\xff\xc4\x00\x02"
    frame = b"\xff\xc3\x00\x0b\x10" + (7).to_bytes(2, "big") + (9).to_bytes(2, "big") + b"\x03"
    assert coded_size(b"\xff\xd8" + tables + frame) == (7, 9, 3, 16)


@pytest.mark.parametrize(
    "head",
    [b"\xff\xd8", b"\xff\xd8\xff\xda\x00\x08" + bytes(20), b"\xff\xd8\x00\x00\x00\x00", b"\xff\x4f\xff\x51\x00"],
)
def test_a_codestream_that_says_nothing_has_no_size(head):
    assert coded_size(head) == (0, 0, 0, 0)


def test_the_boxes_of_a_jp2_file_are_passed_over():
    sizes = np.array([40, 50, 1, 2, 40, 50, 0, 0], ">u4").tobytes()
    siz = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + sizes + b"\x00\x01\x8b"
    boxes = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00\x00\x00\x14ftypjp2 " + bytes(8)
    assert coded_size(boxes + siz) == coded_size(siz) == (48, 39, 1, 12)
    assert says_signed(boxes + siz)


def test_only_jpeg_2000_says_whether_its_values_are_signed():
    siz = b"\xff\x4f\xff\x51" + bytes(37) + b"\x01"
    assert says_signed(siz + b"\x8b")
    assert not any(map(says_signed, (siz + b"\x0b", siz, b"\xff\xd8" + siz[2:] + b"\x8b")))
