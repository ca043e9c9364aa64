"""Which elements of a header are looked at."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

KEYWORDS = (
    "AcquisitionNumber",
    "BitsAllocated",
    "BitsStored",
    "BodyPartExamined",
    "Columns",
    "ComplexImageComponent",
    "DiffusionBValue",
    "EchoNumbers",
    "EchoTime",
    "FlipAngle",
    "FrameOfReferenceUID",
    "HighBit",
    "ImageLaterality",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "ImagesInAcquisition",
    "InstanceNumber",
    "InversionTime",
    "Laterality",
    "LossyImageCompression",
    "MagneticFieldStrength",
    "Manufacturer",
    "ManufacturerModelName",
    "Modality",
    "NumberOfFrames",
    "PatientID",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PixelSpacing",
    "RepetitionTime",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SamplesPerPixel",
    "ScanningSequence",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "TemporalPositionIdentifier",
    "TriggerTime",
)
TAGS: dict[str, int] = {word: int(tag_for_keyword(word) or 0) for word in KEYWORDS}
MODALITY_LUT, REAL_WORLD_VALUES, FLOAT_PIXELS, DOUBLE_PIXELS = 0x00283000, 0x00409096, 0x7FE00008, 0x7FE00009
NOTED = frozenset([MODALITY_LUT, REAL_WORLD_VALUES, FLOAT_PIXELS, DOUBLE_PIXELS])
"""Of these only that they are there."""
