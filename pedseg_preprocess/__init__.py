"""The preprocess job."""
