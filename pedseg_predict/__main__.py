"""Command line of the predicting job."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pedseg.cli import NO_JOBS, NO_SEED, make_parser, positive, run
from pedseg.names import BINARY, FORMATS, NIFTI, SEG_TYPES


def parser() -> argparse.ArgumentParser:
    """Flags of the command."""
    flags = make_parser(
        "pedseg_predict",
        "Segment the bones of an exam: masks on its own grid, volumes, a picture.",
        jobs=NO_JOBS,
        seed=NO_SEED,
    )
    flags.add_argument(
        "-i", "--input", type=Path, required=True, help="DICOM folder, image file, folder of images, or a zip of one"
    )
    flags.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for masks, prediction.json and preview.png"
    )
    flags.add_argument(
        "-m", "--model", type=Path, help="run or fold folder or zip; else run main of plan default in the workspace"
    )
    flags.add_argument("-d", "--domain", help="such as knee; else told from the exam")
    flags.add_argument("--each", action="store_true", help="every folder inside the input is a DICOM exam of its own")
    flags.add_argument("--series", help="which series of a DICOM folder: its index in the list, its UID, or all")
    flags.add_argument("--echo", type=int, help="which echo of a series")
    flags.add_argument("--phase", type=int, help="which phase of a series")
    _add_reading(flags)
    flags.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=[NIFTI],
        help="labels.nii.gz, and labels.dcm, which contains the patient identity of the source",
    )
    flags.add_argument(
        "--seg-type", choices=SEG_TYPES, default=BINARY, help="of a DICOM SEG; few viewers read labelmap"
    )
    flags.add_argument(
        "--no-postprocess", dest="postprocess", action="store_false", help="leave labels as the network gives them"
    )
    flags.add_argument(
        "--require-sha256", nargs="+", type=_sha256, metavar="HEX", help="refuse a model whose folds have other weights"
    )
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda[:n] or mps")
    flags.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    flags.add_argument("--resume", action="store_true", help="leave exams alone that the same weights have segmented")
    return flags


def _add_reading(flags: argparse.ArgumentParser) -> None:
    reading = flags.add_argument_group("reading DICOM")
    reading.add_argument("--skip-unreadable", action="store_true", help="go on without files that cannot be read")
    reading.add_argument("--min-slices", type=positive, default=4, metavar="N", help="fewer are refused")
    reading.add_argument("--max-voxels", type=positive, default=1024**3, metavar="N", help="more are refused")
    reading.add_argument("--any-modality", action="store_true", help="take CT too")
    reading.add_argument(
        "--monochrome1", choices=("stored", "inverted"), default="",
        help="grey values of MONOCHROME1 images; as stored where all are",
    )  # fmt: skip


def _sha256(text: str) -> str:
    """An argument type: 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits, as prediction.json has them")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Segment exams."""
    return run(_job, parser(), arguments)


def _job(flags: argparse.Namespace) -> int:
    from pedseg.dicom import ReadOptions
    from pedseg.storage.inputs import Choice
    from pedseg_predict.job import exit_code, pedseg_predict
    from pedseg_predict.options import PredictOptions

    reading = ReadOptions(
        skip_unreadable=flags.skip_unreadable,
        min_slices=flags.min_slices,
        max_voxels=flags.max_voxels,
        any_modality=flags.any_modality,
        monochrome1=flags.monochrome1,
    )
    options = PredictOptions(
        model=flags.model,
        domain=flags.domain,
        choice=Choice(flags.series, flags.echo, flags.phase, reading),
        device=flags.device,
        overwrite=flags.overwrite,
        each=flags.each,
        resume=flags.resume,
        formats=tuple(flags.formats),
        postprocess=flags.postprocess,
        seg_type=flags.seg_type,
        weights=flags.require_sha256 and tuple(flags.require_sha256),
    )
    return exit_code(pedseg_predict(flags.input, flags.output, flags.workspace, options=options))


if __name__ == "__main__":
    sys.exit(main())
