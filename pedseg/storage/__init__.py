"""Exams on disk: raw cases, splits and the slice cache. No pickle anywhere."""
