"""From a volume and trained folds to labels."""

from pedseg.inference.checkpoint import Model, load_model
from pedseg.inference.predict import Prediction, predict_volume

__all__ = ["Model", "Prediction", "load_model", "predict_volume"]
