"""A fold's configs through MONAI, as `python -m monai.bundle run` does it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pedseg.errors import PedsegError


def run_config(folder: Path, name: str, *, device: torch.device, **values: Any) -> None:
    """Run one config of a fold.

    Args:
        folder: from `make_fold`.
        name: of `configs/<name>.yaml`.
        device: where to train.
        values: instead of the config's own, by key.
    """
    from monai.bundle.workflows import ConfigWorkflow

    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)  # says that no log file is kept
    logging.getLogger("ignite.engine.engine").setLevel(logging.CRITICAL)  # says every exception before it passes it on
    workflow = ConfigWorkflow(
        config_file=str(folder / "configs" / f"{name}.yaml"),
        meta_file=str(folder / "configs" / "metadata.json"),
        logging_file=False,
        workflow_type="train",
        bundle_root=str(folder),
        device=device,
        **values,
    )
    with _own_errors():
        workflow.initialize()
        workflow.run()
        workflow.finalize()


@contextmanager
def _own_errors() -> Iterator[None]:
    """Bring out a pedseg error that MONAI's parser has wrapped in its own."""
    try:
        yield
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, PedsegError):
                raise cause from error
            cause = cause.__cause__
        raise
