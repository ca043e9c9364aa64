"""Names a person may give, listed once: of networks, decoders, schemes, bone strategies, objectives, presets, outputs.

Commands offer them, plans and predicting accept them. Nothing slow is imported here, for `--help` shows them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

NetworkName = Literal["unet", "att_unet", "inception_unet", "dense_unet", "efficient_unet", "res_unet", "vgg_unet"]
DecoderName = Literal["upsample", "transposed"]
Scheme = Literal["dsl", "shared", "individual", "transfer"]
Strategy = Literal["multi", "individual", "global"]
Precision = Literal["float32", "bfloat16", "float16"]
ObjectiveName = Literal["ce", "ssc", "msc", "mjap", "ssc+mjap", "msc+mjap", "shape", "adv", "shape+adv", "spar"]
NIFTI, DICOM_SEG = FORMATS = ("nifti", "dicom-seg")
"""Of labels."""
BINARY = "binary"
SEG_TYPES = (BINARY, "labelmap")
"""Of a DICOM SEG."""


def preset_names() -> tuple[str, ...]:
    """Presets that come with pedseg: the files there are."""
    folder = files("pedseg").joinpath("plan", "presets")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))
