"""An exam as classic single-frame MR DICOM: one file a slice, headers like the domain's scanner.

pixel_array[r, c] is image[c, r, k]: columns run along I, rows along J. Row and column spacing differ
in some exams, files are named out of order in some, instance numbers run backwards in some, and some
carry a rescale slope. Names and identifiers are synthetic; UIDs follow from the seed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from pedseg.phantoms.exam import Exam
from pedseg.phantoms.patient import Patient
from pedseg.volumes.geometry import LPS_TO_RAS
from pedseg.workspace import put_bytes

DATE, TIME = "20200101", "120000"


@dataclass(frozen=True)
class Filing:
    """How a series lies on disk.

    Args:
        names: number in the name of the file of each slice.
        instances: Instance Number of each slice.
        rescale: slope and intercept, None where the scanner writes none.
    """

    names: tuple[int, ...]
    instances: tuple[int, ...]
    rescale: tuple[float, float] | None


def draw_filing(patient: Patient, slices: int, *, rescaled: bool) -> Filing:
    """Draw the order of names and instances, and the rescale values."""
    rng = patient.rng("filing")
    order = np.arange(1, slices + 1)
    instances = order[::-1] if rng.random() < 0.4 else order
    names = rng.permutation(order) if rng.random() < 0.5 else instances
    rescale = (round(float(rng.uniform(0.3, 2.5)), 4), 0.0) if rescaled and rng.random() < 0.7 else None
    return Filing(tuple(int(n) for n in names), tuple(int(n) for n in instances), rescale)


def write_dicom(exam: Exam, folder: Path) -> None:
    """Write every slice of an exam into an existing folder."""
    philips = exam.protocol.vendor.startswith("Philips")
    filing = draw_filing(exam.patient, exam.image.shape[2], rescaled=philips)
    shared = _shared_header(exam, philips=philips)
    for k in range(exam.image.shape[2]):
        dataset = _slice_header(exam, shared, filing, k)
        name = f"IM_{filing.names[k]:04d}.dcm" if philips else f"MR.{filing.names[k]:04d}.dcm"
        held = io.BytesIO()
        dataset.save_as(held, enforce_file_format=True)
        put_bytes(folder / name, held.getbuffer())


def _uid(patient: Patient, *parts: object) -> UID:
    return generate_uid(entropy_srcs=["pedseg phantom", str(patient.seed), patient.name, *map(str, parts)])


def _shared_header(exam: Exam, *, philips: bool) -> Dataset:
    """What all slices of the series have in common."""
    patient, protocol = exam.patient, exam.protocol
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SOPClassUID = MRImageStorage
    _put_patient(header, patient)
    header.Modality = "MR"
    header.Manufacturer = protocol.vendor
    header.ManufacturerModelName = protocol.model
    header.InstitutionName = "Phantom"
    header.SoftwareVersions = "5.3.0" if philips else "syngo MR E11"
    header.ImageType = ["ORIGINAL", "PRIMARY", *(["M_FFE", "M", "FFE"] if philips else ["M", "ND", "NORM"])]
    header.BodyPartExamined = protocol.body_part
    header.Laterality = patient.side[0].upper()
    header.PatientPosition = "HFS" if patient.domain == "shoulder" else "FFS"
    header.SeriesDescription = header.ProtocolName = protocol.sequence
    header.StudyInstanceUID = _uid(patient, "study")
    header.SeriesInstanceUID = _uid(patient, "series", exam.image.shape)
    header.FrameOfReferenceUID = _uid(patient, "frame")
    header.StudyID, header.SeriesNumber, header.AcquisitionNumber = "1", 301 if philips else 4, 1
    header.PositionReferenceIndicator = ""
    _put_sequence(header, exam)
    _put_pixels(header, exam)
    return header


def _put_patient(header: Dataset, patient: Patient) -> None:
    header.PatientName = f"PHANTOM^{patient.name.upper()}"
    header.PatientID = f"PHANTOM-{patient.seed}-{patient.name}"
    header.PatientBirthDate = ""
    header.PatientSex = "O"
    header.PatientAge = f"{int(patient.age):03d}Y"
    header.PatientIdentityRemoved = "YES"
    header.DeidentificationMethod = "synthetic phantom"
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = DATE
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = TIME
    header.AccessionNumber = header.ReferringPhysicianName = ""


def _put_sequence(header: Dataset, exam: Exam) -> None:
    protocol = exam.protocol
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "GR", "SP", ""
    header.MRAcquisitionType = "3D"
    header.RepetitionTime = _ds(protocol.tr_ms)
    header.EchoTime = _ds(protocol.te_ms)
    header.FlipAngle = _ds(protocol.flip_degrees)
    header.EchoTrainLength, header.EchoNumbers = 1, 1
    header.MagneticFieldStrength = "3"
    header.ImagedNucleus = "1H"


def _put_pixels(header: Dataset, exam: Exam) -> None:
    columns, rows, _ = exam.image.shape
    between_columns, between_rows, between_slices = exam.image.spacing_mm
    direction = (LPS_TO_RAS[:3, :3] @ exam.image.geometry.direction).T
    header.ImageOrientationPatient = [_ds(v) for v in (*direction[0], *direction[1])]
    header.PixelSpacing = [_ds(between_rows), _ds(between_columns)]
    header.SliceThickness = header.SpacingBetweenSlices = _ds(between_slices)
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = rows, columns
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0


def _slice_header(exam: Exam, shared: Dataset, filing: Filing, k: int) -> Dataset:
    dataset = Dataset()
    dataset.update(shared)
    dataset.SOPInstanceUID = _uid(exam.patient, "image", exam.image.shape, k)
    dataset.InstanceNumber = filing.instances[k]
    position = LPS_TO_RAS[:3, :3] @ exam.image.geometry.to_mm((0, 0, k))
    dataset.ImagePositionPatient = [_ds(v) for v in position]
    dataset.SliceLocation = _ds(float(position @ _normal(exam)))
    if filing.rescale:
        dataset.RescaleSlope, dataset.RescaleIntercept = (_ds(v) for v in filing.rescale)
        dataset.RescaleType = "normalized"
    plane = np.ascontiguousarray(exam.image.array[:, :, k].T)
    dataset.WindowCenter, dataset.WindowWidth = (str(int(v)) for v in (plane.max() / 2 + 1, plane.max() + 1))
    dataset.PixelData = plane.astype("<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationVersionName = "PEDSEG_PHANTOM"
    dataset.file_meta = meta
    return dataset


def _normal(exam: Exam) -> NDArray[np.float64]:
    direction = LPS_TO_RAS[:3, :3] @ exam.image.geometry.direction
    return np.cross(direction[:, 0], direction[:, 1])


def _ds(value: float) -> str:
    """A decimal string of at most 16 characters, as exact as they allow."""
    return str(format_number_as_ds(float(value)))
