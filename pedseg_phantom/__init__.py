"""The phantom job."""
