from __future__ import annotations

import json
from pathlib import Path

import pytest

from pedseg import privacy
from pedseg.errors import UsageError
from pedseg.workspace import Workspace
from pedseg_plan.sources import find_sources

CALF = """
name: calf
structures:
  - {name: soleus, color: "#aa0000", source_value: [13, 26]}
"""


def test_a_built_in_domain_is_in_the_raw_folder(tmp_path: Path):
    (ankle, knee) = find_sources(["ankle", "knee"], Workspace(tmp_path))
    assert (ankle.domain.name, knee.domain.name) == ("ankle", "knee")
    assert (ankle.folder, ankle.recorded) == (tmp_path / "raw" / "ankle", "")


def test_a_domain_of_the_users_own(tmp_path: Path):
    raw = tmp_path / "raw" / "calf"
    raw.mkdir(parents=True)
    (raw / "domain.yaml").write_text(CALF)
    (calf,) = find_sources(["calf"], Workspace(tmp_path))
    assert calf.domain.source_values == {1: (13, 26)}
    assert calf.recorded == ""


def test_a_folder_elsewhere_is_recorded_relative_inside_the_workspace(tmp_path: Path):
    space = Workspace(tmp_path / "ws")
    for folder in (tmp_path / "ws" / "sets" / "calf", tmp_path / "calf"):
        folder.mkdir(parents=True)
        (folder / "domain.yaml").write_text(CALF)
    (inside,) = find_sources([f"calf={tmp_path}/ws/sets/calf"], space)
    (outside,) = find_sources([f"calf={tmp_path}/calf"], space)
    assert inside.recorded == "sets/calf"
    assert outside.recorded == str(tmp_path / "calf")


def test_an_nnunet_dataset_is_matched_by_name(tmp_path: Path):
    labels = {"background": 0, "humerus": 7, "scapula": 2}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    (shoulder,) = find_sources([f"shoulder={tmp_path}"], Workspace(tmp_path / "ws"))
    assert shoulder.domain.source_values == {1: (7,), 2: (2,)}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (["ancle"], r"PS-A100: unknown domain 'ancle'; did you mean 'ankle'\? known: ankle, knee, shoulder; or put a"),
        (["ankle", "ankle"], "PS-A96: domains must differ, got ankle, ankle"),
        (["ankle=nowhere"], "PS-A03: ankle=nowhere: no such folder"),
        (["an/kle"], "PS-A99"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, wanted: list[str], text: str):
    with pytest.raises(UsageError, match=text):
        find_sources(wanted, Workspace(tmp_path))


def test_the_file_and_the_flag_use_one_name(tmp_path: Path):
    (tmp_path / "domain.yaml").write_text(CALF)
    with pytest.raises(UsageError, match=r"PS-A96: domain\.yaml calls the domain 'calf', asked was 'leg'"):
        find_sources([f"leg={tmp_path}"], Workspace(tmp_path / "ws"))


def test_where_a_domain_lies_is_concealed(tmp_path: Path):
    with pytest.raises(UsageError) as refusal:
        find_sources(["knee=/x/ZZPHI_Anna//gone"], Workspace(tmp_path))
    assert privacy.scrub(str(refusal.value)).startswith("PS-A03: knee=/x/…: no such folder")
    privacy.reveal()
