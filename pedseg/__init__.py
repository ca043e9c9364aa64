"""Exact 3D bones from children's MR: one network for all joints, trained on few exams."""

__version__ = "0.1.0"
