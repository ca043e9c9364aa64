"""What every test has: the project's folder, and the same random draws each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A shared processor makes single examples slow, never wrong; the same examples each run make a failure repeatable.
settings.register_profile("pedseg", derandomize=True, deadline=None, database=None)
settings.load_profile("pedseg")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[1]
