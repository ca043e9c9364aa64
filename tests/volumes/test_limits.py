from __future__ import annotations

import numpy as np
import pytest

from pedseg.errors import GeometryError, InputError
from pedseg.volumes.limits import FREE_BYTES, check_place, check_size, refuse_bomb


def test_a_mask_may_pack_well_and_a_large_file_may_be_large():
    refuse_bomb(FREE_BYTES, 1, "mask")
    refuse_bomb(10 * FREE_BYTES, FREE_BYTES // 10, "image")


def test_what_would_grow_beyond_reason_is_refused():
    with pytest.raises(InputError, match=r"bomb: 100 bytes are said to unpack to 0\.5 GiB") as refused:
        refuse_bomb(FREE_BYTES + 1, 100, "bomb")
    assert refused.value.code == "PS-A155"


@pytest.mark.parametrize(
    "affine",
    [np.diag([1.0, 1, 0, 1]), np.diag([1e9, 1, 1, 1]), np.diag([1e300, 1, 1, 1]), np.diag([np.nan, 1, 1, 1]),
     np.diag([1.0, 1, np.inf, 1])],
)  # fmt: skip
def test_voxels_that_no_scanner_makes_are_refused(affine):
    with pytest.raises(GeometryError, match="affine is not usable: voxels of"):
        check_place(affine, "x")


def test_an_origin_out_of_this_world_is_refused():
    affine = np.eye(4)
    affine[1, 3] = -2e6
    with pytest.raises(GeometryError, match=r"origin lies 2e\+06 mm away"):
        check_place(affine, "x")
    check_place(np.eye(4), "x")


def test_more_voxels_than_the_limit():
    check_size((10, 10, 10), 1000, "x")
    with pytest.raises(InputError, match="10x10x11 voxels, at most 1000"):
        check_size((10, 10, 11), 1000, "x")
