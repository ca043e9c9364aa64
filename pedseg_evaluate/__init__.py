"""The job that evaluates: predictions and runs in, scores, tables and one report out."""
