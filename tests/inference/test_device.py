"""Where networks run."""

from __future__ import annotations

import pytest
import torch

from pedseg.errors import UsageError
from pedseg.inference.device import arithmetic, choose_device


def test_auto_is_what_is_here() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device().type == choose_device("auto").type == expected
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x", "cuda:99", "meta", "mps:3"])
def test_what_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"PS-A120: device .*use"):
        choose_device(name)


def test_precisions() -> None:
    assert (arithmetic("float32"), arithmetic("bfloat16")) == (torch.float32, torch.bfloat16)
