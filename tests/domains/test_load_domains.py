from __future__ import annotations

from pathlib import Path

import pytest

from pedseg.domains import builtin_names, load_domains
from pedseg.errors import UsageError

CALF = 'name: calf\nstructures:\n  - {name: soleus, color: "#aa0000", source_value: 13}\n'


def test_built_in_domains_have_the_papers_structures():
    """METHODS, section 1: names in label order."""
    assert builtin_names() == ("ankle", "knee", "shoulder")
    ankle, knee, shoulder = load_domains(["ankle", "knee", "shoulder"])
    assert list(ankle.labels) == ["calcaneus", "talus", "tibia_distal"]
    assert list(knee.labels) == ["femur_distal", "fibula_proximal", "patella", "tibia_proximal"]
    assert list(shoulder.labels) == ["humerus", "scapula"]
    colors = [s.color for d in (ankle, knee, shoulder) for s in d.structures]
    assert len(set(colors)) == 9


def test_the_order_asked_for_is_kept():
    assert [d.name for d in load_domains(["shoulder", "ankle"])] == ["shoulder", "ankle"]


def test_a_file_or_its_folder(tmp_path: Path):
    (tmp_path / "domain.yaml").write_text(CALF)
    for place in (tmp_path, tmp_path / "domain.yaml", str(tmp_path)):
        (calf,) = load_domains([place])
        assert calf.source_values == {1: (13,)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [calf\n", r"PS-A96: domain\.yaml:2 is not YAML"),
        ("name: calf\n", r"PS-A96: domain\.yaml: structures: Field required"),
        (CALF.replace("#aa0000", "red"), r"PS-A96: domain\.yaml:3: structures\.0\.color: "),
        ("", r"PS-A96: domain\.yaml: file: "),
        ("!!python/object/apply:os.system ['true']", r"PS-A96: domain\.yaml:1 is not YAML"),
    ],
)
def test_a_file_that_is_no_domain(tmp_path: Path, text: str, message: str):
    (tmp_path / "domain.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_domains([tmp_path])


def test_unknown_names_and_repeats():
    with pytest.raises(UsageError, match=r"PS-A100: unknown domain 'knie'; did you mean 'knee'\? known: ankle, knee"):
        load_domains(["knie"])
    with pytest.raises(UsageError, match="PS-A96: domains must differ, got knee, knee"):
        load_domains(["knee", "knee"])
