"""What every test has: the project's folder, and the same random draws each time."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shell starts its background jobs deaf to the one, nohup to the other, and the tests' processes would be too.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
# A shared processor makes single examples slow, never wrong; the same examples each run make a failure repeatable.
settings.register_profile("pedseg", derandomize=True, deadline=None, database=None)
settings.load_profile("pedseg")
# the tiny workspace's maker, the public files' stand-ins, a report of phantoms, the DICOM series' builder and the
# catalogue's rows, for every folder of tests
for folder in ("tiny", "networks", "report", "dicom", "reliability"):
    sys.path.insert(0, str(Path(__file__).parent / folder))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tiny_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three joints planned and in the slice cache; not to be changed: copy it."""
    from tiny import make_workspace

    root = tmp_path_factory.mktemp("tiny") / "workspace"
    make_workspace(root)
    return root


@pytest.fixture(scope="session")
def tiny_run(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with fold 0 trained in a copy of the tiny workspace; not to be changed: copy it."""
    from tiny import copied, train

    root = copied(tiny_workspace, tmp_path_factory.mktemp("trained"))
    return train(root).parent


@pytest.fixture(scope="session")
def tiny_shape_run(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with attention gates and an auto-encoder of all joints (B), two epochs; not to be changed: copy it."""
    from tiny import CHANNELS, change_plan, copied, train

    root = copied(tiny_workspace, tmp_path_factory.mktemp("shapes"))
    shapes = {"autoencoder": {"channels": CHANNELS}, "learning_rate": 3e-3, "batch": 6, "epochs": 2}
    change_plan(root, objective={"name": "msc+mjap"}, prior=shapes)
    return train(root, epochs=2).parent


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> Iterator[None]:
    """Undo what a command sets for its whole process: where messages go, and torch's deterministic kernels."""
    yield
    log = logging.getLogger("pedseg")
    log.handlers[:], log.propagate = [], True
    log.setLevel(logging.NOTSET)
    if torch := sys.modules.get("torch"):
        torch.use_deterministic_algorithms(False)
