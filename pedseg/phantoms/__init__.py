"""Synthetic children's joints: implicit solids, painted and scanned, as DICOM or NIfTI with labels.

A voxel carries a bone's label where its centre lies inside the ossified part of the bone, cortex and
growth plates included; cartilage that has not ossified yet, and articular cartilage, are background.
"""

from pedseg.phantoms.exam import Exam, make_exam
from pedseg.phantoms.files import write_exam
from pedseg.phantoms.patient import Patient, draw_patient

__all__ = ["Exam", "Patient", "draw_patient", "make_exam", "write_exam"]
