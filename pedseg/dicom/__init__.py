"""DICOM in: a folder tree to validated volumes, by position alone."""

from pedseg.dicom.choose import fitting_stacks
from pedseg.dicom.discover import Discovery, discover
from pedseg.dicom.read import ReadOptions, read_series, read_volume
from pedseg.dicom.series import Series

__all__ = ["Discovery", "ReadOptions", "Series", "discover", "fitting_stacks", "read_series", "read_volume"]
