"""torchvision's models, to compare with; they also import beside a torch that torchvision's binary does not fit."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch


@cache
def operators() -> torch.library.Library:
    """Declare the operators torchvision's Python code wants to see and its binary did not bring.

    Beside a torch built without CUDA the binary of the ordinary wheel does not load, and `import torchvision` stops
    at `operator torchvision::nms does not exist`. No model calls one, so a name and a signature will do.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    package = importlib.util.find_spec("torchvision")
    (folder,) = package.submodule_search_locations if package else ()
    text = (Path(folder) / "_meta_registrations.py").read_text("utf-8")
    for name in re.findall(r'register_fake\("torchvision::(\w+)"\)', text):
        library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return library


def torchvision_models() -> ModuleType:
    """`torchvision.models`; where torchvision is absent the test is skipped."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its image readers, which no model needs
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
        for name in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        operators()
        return importlib.import_module("torchvision.models")
