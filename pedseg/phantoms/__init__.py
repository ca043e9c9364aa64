"""Synthetic children's joints: implicit solids, painted and scanned, as DICOM or NIfTI with labels."""

from pedseg.phantoms.exam import Exam, make_exam
from pedseg.phantoms.files import write_exam
from pedseg.phantoms.patient import Patient, draw_patient

__all__ = ["Exam", "Patient", "draw_patient", "make_exam", "write_exam"]
