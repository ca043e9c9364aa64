"""Grey values of one volume and of volumes that lie between each other's slices."""

from __future__ import annotations

import numpy as np
import pytest
from mr_series import GRID, Grid, image, save

from pedseg.dicom import read_volume
from pedseg.dicom.interlaced import BRIGHTER, REFUSED, WARNED, interlaced_notices, lacing_of, sampled
from pedseg.errors import InputError

GREYS = {"fat": 1000, "muscle": 350, "fluid": 250}
"""Brightness of three tissues, as a T1-weighted sequence has them."""
FAT_SATURATED = {"fat": 150, "muscle": 450, "fluid": 1000}


def limb(n: int = 16, *, tilt: float = 1.5, greys: dict[str, int] = GREYS, noise: float = 20) -> np.ndarray:
    """(72, 64, n): a bone with a rim of fluid, in muscle, in fat, that moves by `tilt` pixels a slice."""
    i, j, k = np.mgrid[:72, :64, :n].astype(float)
    from_bone = np.hypot(i - 34 - tilt * (k - n / 2), 1.4 * (j - 30))
    image = np.where(np.hypot(i - 36, j - 32) < 29, float(greys["fat"]), 0.0)
    image[np.hypot(i - 36, j - 32) < 26] = greys["muscle"]
    image[from_bone < 15] = greys["fluid"]
    image[from_bone < 12] = greys["fat"]
    return image + np.random.default_rng(int(tilt * 10)).normal(0, noise, image.shape)


def laced(*volumes: np.ndarray) -> np.ndarray:
    """Slice k of volume k modulo their number."""
    slices = [volumes[k % len(volumes)][..., k] for k in range(volumes[0].shape[2])]
    return np.stack(slices, axis=-1)


def cross_talk(image: np.ndarray, least: float) -> np.ndarray:
    """Every second slice darker, bright tissue most."""
    darker = image.copy()
    darker[..., 1::2] *= 1 - (1 - least) * image[..., 1::2].clip(0, 1000) / 1000
    return darker


@pytest.mark.parametrize("n", [8, 16, 40])
@pytest.mark.parametrize("noise", [2, 40, 400])
@pytest.mark.parametrize("least", [1.0, 0.9, 0.7])
def test_one_volume_is_never_suspected(n, noise, least):
    lacing = lacing_of(sampled(cross_talk(limb(n, noise=noise), least)))
    assert lacing.ratio > 0.9 > WARNED
    assert lacing.factor < 1.5 < BRIGHTER


@pytest.mark.parametrize("gain", [0.7, 1.3])
def test_gain_and_offset_of_every_second_slice_change_nothing(gain):
    plain = limb()
    other = plain.copy()
    other[..., 1::2] = gain * other[..., 1::2] + 50
    assert lacing_of(sampled(other)).ratio == pytest.approx(lacing_of(sampled(plain)).ratio, rel=0.05)
    assert interlaced_notices(other) == ()


@pytest.mark.parametrize("noise", [2, 40])
def test_two_contrasts_are_seen(noise):
    image = laced(limb(noise=noise), limb(greys=FAT_SATURATED, noise=noise))
    assert lacing_of(sampled(image)).ratio < REFUSED
    (notice,) = interlaced_notices(image)
    assert notice.code == "PS-W26"
    assert "like those 2 away, as of 2 volumes" in notice.text


def test_three_volumes_are_seen():
    image = laced(limb(), limb(greys=FAT_SATURATED), limb()[::-1])
    assert lacing_of(sampled(image)).volumes == 3
    assert "as of 3 volumes" in interlaced_notices(image)[0].text


def test_one_contrast_of_two_scales_is_seen_by_its_brightness():
    image = limb()
    image[..., ::2] *= 2.2
    assert lacing_of(sampled(image)).ratio > 1
    assert "every second slice is 2.2 times as bright" in interlaced_notices(image)[0].text


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 50, 12)),
        np.full((50, 50, 12), 7),
        limb(7),
        limb(16)[:12, :12],
        np.concatenate([np.zeros((72, 64, 13)), limb(3)], axis=2),
        np.full((50, 50, 12), 1e30, np.float32) * np.arange(12, dtype=np.float32),
        np.where(np.arange(16) == 5, 60_000.0, 1.0) * limb(),
    ],
    ids=["zeros", "constant", "few slices", "few points", "empty slices", "huge", "one bright slice"],
)
def test_too_little_to_judge(image):
    assert interlaced_notices(image) == ()


def test_a_plane_whose_grey_values_grow_evenly_says_nothing():
    image = np.stack([GRID.plane(k).T for k in range(GRID.n)], axis=-1)
    assert interlaced_notices(image) == ()


def write(folder, array, number):
    """One slice each half step, with these numbers of acquisition."""
    columns, rows, n = array.shape
    grid = Grid(rows=rows, columns=columns, n=n)
    for k in range(n):
        ds = image(grid, k, AcquisitionNumber=number(k))
        ds.PixelData = array[..., k].T.clip(0).astype("<u2").tobytes()
        save(ds, folder / f"{k}")


def test_packages_stay_together_and_acquisitions_are_listed(tmp_path):
    """The headers are the same: grey values decide."""
    packages, volumes = tmp_path / "packages", tmp_path / "volumes"
    packages.mkdir(), volumes.mkdir()
    write(packages, cross_talk(limb(), 0.75), lambda k: 1 + k % 2)
    write(volumes, laced(limb(), limb(greys=FAT_SATURATED)), lambda k: 1 + k % 2)
    volume = read_volume(packages)
    assert (volume.shape, volume.notices) == ((72, 64, 16), ())
    with pytest.raises(InputError, match=r"PS-A26: the series holds 2 phases; .*1: acquisition 1, 8 slices; phase 2"):
        read_volume(volumes)
    assert read_volume(volumes, phase=2).spacing_mm[2] == pytest.approx(1.6)


def test_acquisitions_that_do_not_alternate_are_warned_of(tmp_path):
    write(tmp_path, laced(limb(), limb(greys=FAT_SATURATED)), lambda k: 1 + k // 8)
    assert [notice.code for notice in read_volume(tmp_path).notices] == ["PS-W26"]
