"""DICOM SEG files of a series, made by highdicom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

NAMES = ("calcaneus", "talus", "tibia_distal")
TYPE_2 = ("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "PatientName", "PatientBirthDate", "PatientSex")
"""What a SEG copies from its source, and the series builders leave out."""
OTHER_CODE = ("113000", "99PEDSEG", "Some structure")


def sources(folder: Path) -> list[Dataset]:
    """The images of a series in the order of the slices."""
    images = [dcmread(path) for path in folder.iterdir()]
    for image in images:
        for word in TYPE_2:
            if word not in image:
                setattr(image, word, "")
    normal = np.cross(*np.reshape(images[0].ImageOrientationPatient, (2, 3)))
    return sorted(images, key=lambda image: float(np.dot(normal, image.ImagePositionPatient)))


def described(number: int, label: str, code: tuple[str, str, str] = OTHER_CODE) -> Any:
    """One segment, with a code that is nobody's unless one is given."""
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=hd.sr.CodedConcept(*code),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )


def make_seg(
    images: Sequence[Dataset],
    frames: np.ndarray,
    *,
    names: Sequence[str] = NAMES,
    segments: Sequence[Any] | None = None,
    kind: str = "BINARY",
    **options: Any,
) -> Dataset:
    """A segmentation of a series.

    Args:
        images: the slices, in the order of the frames.
        frames: (slices, rows, columns) labels, or (slices, rows, columns, segments) masks.
        names: of segments 1..n.
        segments: descriptions in place of names.
        kind: BINARY, LABELMAP or FRACTIONAL.
        options: further ones of highdicom.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty mask, a patient without name
        return hd.seg.Segmentation(
            source_images=list(images),
            pixel_array=frames,
            segmentation_type=kind,
            segment_descriptions=list(segments or [described(i, name) for i, name in enumerate(names, start=1)]),
            series_instance_uid=generate_uid(),
            series_number=900,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="Acme",
            manufacturer_model_name="tests",
            software_versions="1",
            device_serial_number="1",
            content_creator_name="tests",
            **options,
        )


def write_seg(path: Path, folder: Path, labels: np.ndarray, **options: Any) -> Path:
    """Write labels (columns, rows, slices along the normal) of a DICOM series as a SEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seg = make_seg(sources(folder), np.ascontiguousarray(labels.transpose(2, 1, 0)), **options)
    seg.save_as(path)
    return path
