"""Every way pedseg refuses or warns: class, exit code and stable code, in one place.

An error is one line: what was wanted, what came, what to do. Codes never change their meaning;
numbers up to 112 are the rows of the fault catalogue they answer, later ones are pedseg's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from unicodedata import category

_CONTROLS = frozenset(["Cc", "Cs", "Zl", "Zp"])
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Turn the direction of what follows, so that a name reads as another."""


class ExitCode(IntEnum):
    """What a command returns to the shell."""

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    GEOMETRY = 4
    MODEL = 5
    OUTPUT = 6
    PARTIAL = 7
    TRAINING = 8
    INTERRUPTED = 130
    TERMINATED = 143


class PedsegError(Exception):
    """A refusal a person can act on.

    Args:
        code: a key of `ERRORS`, such as "PS-A36".
        message: one line: what was wanted, what came, what to do. No patient tags.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, code: str, message: str) -> None:
        if ERRORS[code][0] != type(self).__name__:
            raise TypeError(f"{code} belongs to {ERRORS[code][0]}, not {type(self).__name__}")
        self.code = code
        self.message = harmless(message)
        super().__init__(f"{code}: {self.message}")

    def __reduce__(self) -> tuple[type[PedsegError], tuple[str, str]]:
        """Survive the trip from a worker process."""
        return type(self), (self.code, self.message)


class UsageError(PedsegError):
    """The command or a configuration was not meant like this."""

    exit_code = ExitCode.USAGE


class InputError(PedsegError):
    """The input data cannot be used."""

    exit_code = ExitCode.INPUT


class GeometryError(PedsegError):
    """Where the voxels lie cannot be told exactly."""

    exit_code = ExitCode.GEOMETRY


class ModelError(PedsegError):
    """A model, plan or checkpoint is refused or does not match."""

    exit_code = ExitCode.MODEL


class OutputError(PedsegError):
    """The result cannot be written where it was asked for."""

    exit_code = ExitCode.OUTPUT


class TrainingError(PedsegError):
    """Training stopped."""

    exit_code = ExitCode.TRAINING


@dataclass(frozen=True)
class Notice:
    """A warning that travels with its data into reports.

    Args:
        code: a key of `WARNINGS`, such as "PS-W24".
        text: one line without patient tags.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        if self.code not in WARNINGS:
            raise KeyError(self.code)
        object.__setattr__(self, "text", harmless(self.text))

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def harmless(text: str) -> str:
    """Text out of a file, fit for a terminal: no control characters, nothing that turns its direction.

    Line breaks stay, for some refusals show a table.
    """
    return "".join("?" if c != "\n" and (category(c) in _CONTROLS or c in _TURNING) else c for c in text)


def one_line(text: str, most: int | None = None) -> str:
    """The same without line breaks, of at most so many characters: a name out of a file."""
    line = harmless(text if most is None else text[: most + 1]).replace("\n", "?")
    return line if most is None or len(line) <= most else f"{line[:most]}..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What a message says after an unknown name: the nearest known one, then all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(names)}"


ERRORS: dict[str, tuple[str, str]] = {
    "PS-A02": ("InputError", "no DICOM image in the folder"),
    "PS-A03": ("UsageError", "the input path or the working folder does not exist"),
    "PS-A04": ("InputError", "files, but none of a kind pedseg reads"),
    "PS-A07": ("InputError", "a file or folder cannot be read or used"),
    "PS-A08": ("InputError", "a DICOM file is truncated"),
    "PS-A17": ("InputError", "the transfer syntax needs a decoder that is not installed"),
    "PS-A20": ("InputError", "several series fit: one must be chosen"),
    "PS-A25": ("InputError", "several echoes in one series: one must be chosen"),
    "PS-A26": ("InputError", "several phases in one series: one must be chosen"),
    "PS-A28": ("GeometryError", "one SOP Instance UID with two contents"),
    "PS-A30": ("GeometryError", "several different images at one position"),
    "PS-A31": ("InputError", "several patients or frames of reference under one series"),
    "PS-A36": ("GeometryError", "a slice is missing"),
    "PS-A38": ("GeometryError", "slice spacing is not uniform"),
    "PS-A40": ("InputError", "too few slices for a volume"),
    "PS-A43": ("GeometryError", "row and column directions are not orthogonal"),
    "PS-A44": ("GeometryError", "a direction is not of unit length"),
    "PS-A45": ("GeometryError", "one image of the stack has another orientation, spacing or matrix"),
    "PS-A46": ("GeometryError", "Image Position (Patient) is missing"),
    "PS-A48": ("GeometryError", "Image Orientation (Patient) is missing"),
    "PS-A49": ("GeometryError", "Pixel Spacing is missing"),
    "PS-A52": ("GeometryError", "a geometry tag holds no usable number"),
    "PS-A59": ("InputError", "a mosaic image"),
    "PS-A65": ("InputError", "the image is constant"),
    "PS-A66": ("InputError", "the image holds NaN or infinite values"),
    "PS-A68": ("InputError", "the image is larger than the limit"),
    "PS-A69": ("GeometryError", "labels and image do not share one grid"),
    "PS-A71": ("InputError", "labels outside the domain's set"),
    "PS-A72": ("InputError", "labels are not whole numbers"),
    "PS-A73": ("InputError", "the labels are empty"),
    "PS-A74": ("InputError", "a structure has no label and is not declared absent"),
    "PS-A76": ("InputError", "labels on some of the slices only"),
    "PS-A80": ("InputError", "an image file is damaged"),
    "PS-A81": ("InputError", "one exam stands under two names"),
    "PS-A85": ("InputError", "the slice cache is missing or damaged"),
    "PS-A86": ("ModelError", "a checkpoint is damaged"),
    "PS-A87": ("ModelError", "a file belongs to another plan"),
    "PS-A88": ("TrainingError", "the loss is not finite"),
    "PS-A89": ("UsageError", "more folds than exams"),
    "PS-A92": ("TrainingError", "another training holds the run folder"),
    "PS-A94": ("ModelError", "checkpoints hold no state of a training"),
    "PS-A96": ("UsageError", "a configuration file is not valid"),
    "PS-A98": ("ModelError", "a checkpoint holds more than tensors and plain values"),
    "PS-A99": ("UsageError", "a name is not allowed"),
    "PS-A100": ("UsageError", "an unknown domain"),
    "PS-A102": ("ModelError", "weights and network do not match"),
    "PS-A104": ("OutputError", "the output exists"),
    "PS-A105": ("OutputError", "the output cannot be written"),
    "PS-A106": ("OutputError", "the disk is full"),
    "PS-A109": ("UsageError", "output inside input"),
    "PS-A111": ("OutputError", "the images lack what a DICOM SEG must hold"),
    "PS-A120": ("UsageError", "the flags do not fit together"),
    "PS-A121": ("InputError", "an image file cannot be read"),
    "PS-A122": ("InputError", "the dataset does not pass the check"),
    "PS-A123": ("ModelError", "the run folder is not complete"),
    "PS-A124": ("ModelError", "the domain is not one of the model's"),
    "PS-A125": ("UsageError", "a file another command writes is missing"),
    "PS-A127": ("TrainingError", "a trained fold has no weights"),
    "PS-A129": ("UsageError", "an unknown preset"),
    "PS-A128": ("InputError", "a process that read exams was killed, or cannot be started"),
    "PS-A130": ("ModelError", "public weights cannot be fetched"),
    "PS-A131": ("InputError", "the masks of an exam are not named as the structures"),
    "PS-A132": ("InputError", "masks of two structures overlap"),
    "PS-A133": ("InputError", "a DICOM SEG holds fractions, not a mask"),
    "PS-A134": ("InputError", "several masks for one exam or one of its structures"),
    "PS-A135": ("InputError", "an exam of the plan is not there any more"),
    "PS-A136": ("ModelError", "two folds test one exam"),
    "PS-A165": ("InputError", "a job or an exam wants more memory than there is"),
    "PS-A164": ("OutputError", "a written file does not hold what was written"),
    "PS-A138": ("InputError", "some images of a volume are MONOCHROME1, or cannot be inverted"),
    "PS-A137": ("ModelError", "a prediction was made with other weights than the fold has now"),
    "PS-A139": ("UsageError", "a flag is unknown, or not used as it is meant"),
    "PS-A140": ("ModelError", "the weights are not those that were asked for"),
    "PS-A153": ("InputError", "a zip of an exam is not safe to unpack, or damaged"),
    "PS-A154": ("ModelError", "a zip of a model is not safe to unpack, or damaged"),
    "PS-A155": ("InputError", "packed data would grow far beyond their file"),
    "PS-A156": ("InputError", "a header names another file for its data"),
    "PS-A171": ("GeometryError", "a DICOM SEG cannot hold a sheared stack"),
    "PS-A172": ("OutputError", "the slices lie in several multi-frame files, a DICOM SEG refers to one"),
}

WARNINGS: dict[str, str] = {
    "PS-W06": "files without a byte, or of zeros, were skipped",
    "PS-W07": "files that cannot be read were skipped",
    "PS-W10": "a DICOM file without preamble was read",
    "PS-W12": "folders too deep were not searched",
    "PS-W18": "the images were compressed with loss",
    "PS-W20": "other series in the folder were left aside",
    "PS-W21": "other images under the same series were left out",
    "PS-W24": "MONOCHROME1: grey values are used as stored, or inverted where asked",
    "PS-W26": "slices look like those of several volumes between each other's slices",
    "PS-W27": "phase, real or imaginary images, not magnitudes",
    "PS-W28": "copies of images were left out",
    "PS-W31": "some images lack a UID or the patient's number",
    "PS-W32": "Series Instance UID is missing, or another in each image",
    "PS-W33": "the series is derived, not acquired",
    "PS-W37": "an end slice may be missing",
    "PS-W38": "slice spacing is slightly uneven",
    "PS-W41": "the stack is sheared: the affine keeps it",
    "PS-W43": "rows and columns are not quite orthogonal: the affine keeps it",
    "PS-W44": "a direction was normalised to unit length",
    "PS-W45": "a slice is slightly turned or scaled against the others",
    "PS-W62": "some images of a volume have a Rescale Slope, others none",
    "PS-W64": "bits above the stored ones were cleared",
    "PS-W70": "labels fit the image better in another place",
    "PS-W74": "a structure is declared absent in an exam",
    "PS-W75": "a structure has several components",
    "PS-W76": "unlabelled slices between labelled ones",
    "PS-W79": "an image file does not tell where it lies, or tells it in two ways",
    "PS-W85": "a damaged cache entry was made again",
    "PS-W86": "the newest checkpoint is damaged: the one before was taken",
    "PS-W88": "values that are not finite: a step was left out, or the weights of a checkpoint came back",
    "PS-W89": "no validation exam: training exams stand in",
    "PS-W93": "a training goes on with another torch, device or number of threads",
    "PS-W112": "nothing was found",
    "PS-W120": "the exam is sliced along its own acquisition axis",
    "PS-W121": "the exam is wider than the window: overlapping windows are used",
    "PS-W122": "the spacing is far from the exams of training",
    "PS-W124": "a structure was not found",
    "PS-W125": "what was made under a former plan is stale",
    "PS-W126": "masks of other structures were left aside",
    "PS-W127": "a structure has no mask of its own",
    "PS-W129": "a left-out exam of a fold was not predicted",
    "PS-W130": "how far folds disagree was not calibrated",
    "PS-W134": "an exam has a reference and no prediction",
    "PS-W135": "an exam has a prediction and no reference",
    "PS-W136": "folds of a run are not finished",
    "PS-W132": "a structure does not look like those of training",
    "PS-W170": "memory is short",
    "PS-W173": "a DICOM SEG contains the patient identity of its source",
    "PS-W137": "what networks make of their slices could not be drawn",
    "PS-W147": "the header names another part of the body than the domain",
    "PS-W148": "files beside the exams were passed over",
    "PS-W153": "a DICOM file begins like a program: it was read, and never run or copied",
}
