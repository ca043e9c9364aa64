"""Prediction as MONAI's evaluator wants it: transforms and an inferer around `pedseg.inference`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers.inferer import Inferer
from monai.transforms.transform import Transform

from pedseg.inference.checkpoint import Model, load_model, to_device
from pedseg.inference.plausibility import judge
from pedseg.inference.predict import describe, mirror_of, predict_windows, restore
from pedseg.inference.record import prediction_record
from pedseg.plan import load_plan
from pedseg.report.prediction import WriteOptions, check_output, write_prediction
from pedseg.storage.inputs import Choice, Exam, find_exams, read_exam
from pedseg.storage.prepare import prepare

Item = dict[str, Any]


def exam_items(dataset_dir: str | Path) -> list[Item]:
    """One item an exam: a DICOM folder, an image file, or a folder of image files."""
    return [{"exam": exam} for exam in find_exams(Path(dataset_dir))]


def as_batch(items: list[Item]) -> Item:
    """Collate of a loader whose batch is one exam, whole."""
    return items[0]


def check_outputs(items: list[Item], output_dir: str | Path, *, overwrite: bool) -> None:
    """Refuse outputs that cannot be written before any network runs.

    Raises:
        OutputError: PS-A104 something stands there, PS-A105 nothing can be written there.
    """
    for item in items:
        check_output(_folder_of(item["exam"], Path(output_dir), len(items)), overwrite=overwrite)


def fold_model(bundle_root: str | Path) -> Model:
    """The fold a bundle is, checked against its manifest."""
    return load_model(Path(bundle_root).resolve())


class ReadExam(Transform):
    """{"exam"} -> {"volume"}.

    Args:
        series: which series of a DICOM folder, where it holds several.
        echo: which echo of it.
        phase: which temporal position of it.
    """

    def __init__(self, series: int | str | None = None, echo: int | None = None, phase: int | None = None) -> None:
        self.choice = Choice(series, echo, phase)

    def __call__(self, data: Mapping[str, Any]) -> Item:
        """Read the exam."""
        exam: Exam = data["exam"]
        return {**data, "volume": read_exam(exam, self.choice)}


class PrepareSlices(Transform):
    """{"volume"} -> {"image": (N, T, W, W), "prepared"}.

    Args:
        model: says how its exams are prepared.
        domain: name.
    """

    def __init__(self, model: Model, domain: str) -> None:
        self.plan, self.domain = model.plan, domain

    def __call__(self, data: Mapping[str, Any]) -> Item:
        """Normalise and cut."""
        prepared = prepare(data["volume"], self.plan.domain_plan(self.domain))
        mirror = mirror_of(prepared, self.plan, self.domain)
        image = torch.from_numpy(np.stack(list(prepared.windows())))
        return {**data, "image": image, "prepared": prepared, "mirror": mirror}


class StackInferer(Inferer):
    """Softmax of every window of an exam, as `pedseg_predict` works it out.

    Args:
        model: says precision and layout.
    """

    def __init__(self, model: Model) -> None:
        self.plan = model.plan

    def __call__(self, inputs: torch.Tensor, network: Any, *args: Any, **_kwargs: Any) -> torch.Tensor:
        """(N, T, W, W) -> (N, T, C, W, W); the exam's mirror comes behind the network."""
        (mirror,) = args or (None,)
        network = to_device(network, self.plan, inputs.device)
        stack = inputs.half().cpu().numpy()
        windows = predict_windows([network], stack, self.plan, inputs.device, mirror=mirror)
        return torch.from_numpy(np.stack(list(windows)))


class RestoreLabels(Transform):
    """{"pred", "prepared"} -> {"labels": (I, J, K)}.

    Args:
        model: says how labels are post-processed.
        domain: name.
    """

    def __init__(self, model: Model, domain: str) -> None:
        self.plan, self.domain = model.plan, domain

    def __call__(self, data: Mapping[str, Any]) -> Item:
        """Bring labels back to the exam's grid."""
        return {**data, "labels": restore(data["prepared"], data["pred"].numpy(), self.plan, self.domain)}


class WritePrediction(Transform):
    """{"labels"} -> files: `output_dir/`, or `output_dir/<exam>/` where there are several exams.

    Args:
        model: what made the labels.
        domain: name.
        output_dir: folder.
        exams: how many there are in all.
        overwrite: replace an earlier output.
    """

    def __init__(self, model: Model, domain: str, output_dir: str, *, exams: int, overwrite: bool = False) -> None:
        self.model = model
        self.part = model.plan.predicted(domain)
        self.folder, self.exams, self.overwrite = Path(output_dir), exams, overwrite

    def __call__(self, data: Mapping[str, Any]) -> Item:
        """Write the files of one exam."""
        volume, labels, exam = data["volume"], data["labels"], data["exam"]
        grid, name, place = data["prepared"].grid, self.part.domain.name, torch.device("cpu")
        verdicts = judge(labels, grid, self.model, name, device=place)
        prediction = describe(volume, data["prepared"], labels, self.part, seconds={}, plausibility=verdicts)
        folder = _folder_of(exam, self.folder, self.exams)
        record = prediction_record(prediction, self.model)
        options = WriteOptions(self.overwrite)
        write_prediction(folder, volume, prediction.labels, self.part.domain, record, options=options)
        return dict(data)


def _folder_of(exam: Exam, output_dir: Path, exams: int) -> Path:
    """The output folder itself, or one for each exam where there are several."""
    return output_dir if exams == 1 else output_dir / exam.name


def first_domain(plan_file: str | Path) -> str:
    """The domain a bundle segments where none is named."""
    return load_plan(plan_file).domain_names[0]
