"""Where networks run."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from pedseg.errors import UsageError
from pedseg.inference.device import arithmetic, autocast, choose_device
from pedseg.names import Precision


def test_auto_is_what_is_here() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device().type == choose_device("auto").type == expected
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x", "cuda:99", "meta", "mps:3"])
def test_what_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"PS-A120: device .*use"):
        choose_device(name)


@pytest.mark.parametrize("precision", get_args(Precision))
def test_precisions(precision: Precision) -> None:
    assert arithmetic(precision, torch.device("cuda")) == getattr(torch, precision)


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", "bfloat16"), ("float16", "float32")])
def test_a_processor_computes_float16_plans_in_float32(precision: Precision, dtype: str) -> None:
    wanted, cpu = getattr(torch, dtype), torch.device("cpu")
    assert arithmetic(precision, cpu) == wanted
    with autocast(precision, cpu):
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == wanted
