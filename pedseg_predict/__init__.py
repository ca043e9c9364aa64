"""The job that predicts: DICOM or image files in, masks on their own grid out."""

from pedseg_predict.job import PredictOptions, pedseg_predict

__all__ = ["PredictOptions", "pedseg_predict"]
