"""Preparing an exam: normalised, sliced, as the domain's plan says."""

from __future__ import annotations

import numpy as np
import pytest

from pedseg.domains import load_domains
from pedseg.errors import InputError
from pedseg.plan import DomainPlan, NormalisationSpec
from pedseg.storage.prepare import prepare
from pedseg.volumes import Volume

(KNEE,) = load_domains(["knee"])


def plan(**changes: object) -> DomainPlan:
    values = {"domain": KNEE, "plane": "axial", "spacing_mm": 2.0, "window": 32, **changes}
    return DomainPlan.model_validate(values)


def exam(shape: tuple[int, int, int] = (24, 20, 5)) -> Volume:
    array = np.random.default_rng(2).integers(0, 900, shape).astype(np.int16)
    return Volume(array, np.diag([-2.0, -2.0, 4.0, 1.0]), slice_axis=2)


def test_at_its_own_spacing_an_exam_becomes_its_z_score_in_a_frame_of_air() -> None:
    volume = exam()
    prepared = prepare(volume, plan(normalisation=NormalisationSpec(clip_percentiles=None)))
    values = (volume.array - volume.array.mean()) / volume.array.std()
    windows = np.stack(list(prepared.windows()))
    assert windows.shape == (5, 1, 32, 32)
    assert windows.dtype == np.float16
    # columns run to the patient's left and rows to the back, as stored; 24 and 20 pixels in the middle of 32
    np.testing.assert_allclose(windows[:, 0, 6:26, 4:28], values.transpose(2, 1, 0), atol=3e-3)
    np.testing.assert_allclose(windows[:, 0, :6], values.min(), atol=3e-3)
    assert prepared.notices == ()


def test_clipping_takes_a_hot_voxel_its_weight() -> None:
    volume = exam()
    array = volume.array.copy()
    array[3, 3, 3] = 30_000
    spread = [prepare(volume.with_array(array), plan(normalisation=NormalisationSpec(clip_percentiles=p))).values.std()
              for p in (None, (1.0, 99.0))]  # fmt: skip
    flat = [prepare(volume.with_array(array), plan(normalisation=NormalisationSpec(clip_percentiles=p))).values.max()
            for p in (None, (1.0, 99.0))]  # fmt: skip
    assert spread == pytest.approx([1, 1], abs=1e-3)
    assert flat[0] > 20
    assert flat[1] < 3


def test_what_is_unusual_is_said() -> None:
    turned = np.array([[0.0, 0, 4, 0], [-2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 1]])
    sagittal = Volume(exam().array, turned, slice_axis=2)
    assert [n.code for n in prepare(sagittal, plan()).notices] == ["PS-W120"]
    wide = prepare(exam((40, 20, 5)), plan())
    assert [n.code for n in wide.notices] == ["PS-W121"]
    assert np.stack(list(wide.windows())).shape == (5, 2, 32, 32)


def test_unusable_images_are_refused() -> None:
    volume = exam()
    with pytest.raises(InputError, match="PS-A65"):
        prepare(volume.with_array(np.full(volume.shape, 7, np.int16)), plan())
    bad = volume.array.astype(np.float32)
    bad[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="PS-A66"):
        prepare(volume.with_array(bad), plan())
