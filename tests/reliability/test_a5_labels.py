"""Rows 69 to 81 of the fault catalogue: labels and what is learned from. An id is a row's number."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from pedseg.domains import Domain, load_domains
from pedseg.errors import GeometryError, InputError, PedsegError, UsageError
from pedseg.phantoms import draw_patient, make_exam
from pedseg.plan import DomainPlan, ObjectiveSpec, Plan, load_plan, save_plan
from pedseg.storage.cases import find_cases, read_case
from pedseg.storage.labels import mask_labels
from pedseg.storage.masks import read_mask
from pedseg.storage.splits import k_fold, leave_one_out
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.nifti import read_nifti, write_nifti
from pedseg.workspace import PlanFiles
from pedseg_plan.__main__ import main
from pedseg_plan.check import Finding, find_faults
from pedseg_plan.measure import measure
from pedseg_plan.placement import check_placement

SHAPE = (24, 20, 12)
AFFINE = np.array([[0.0, 0, 1.2, -5], [0.5, 0, 0, 3], [0, 0.5, 0, 8], [0, 0, 0, 1]])
"""I to the front, J up, K to the right: sagittal slices 1.2 mm apart."""
(ANKLE,) = load_domains(["ankle"])
Row = Callable[[Path], None]


def boxes() -> np.ndarray:
    """One box a structure, side by side along I, 4 x 6 x 8 voxels each."""
    labels = np.zeros(SHAPE, np.uint8)
    for k in range(3):
        labels[2 + 5 * k : 6 + 5 * k, 4:10, 2:10] = k + 1
    return labels


def write(folder: Path, labels: Any = None, *, seed: int = 0, affine: Any = AFFINE, **said: Any) -> Path:
    """An exam: noise with bright boxes; a label file of its own affine; `case.json` where something is said."""
    folder.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 400, SHAPE).astype(np.int16)
    image[boxes() > 0] += 500
    nib.save(nib.Nifti1Image(image, AFFINE), folder / "image.nii.gz")
    nib.save(nib.Nifti1Image(boxes() if labels is None else labels, affine), folder / "labels.nii.gz")
    if said:
        (folder / "case.json").write_text(json.dumps(said))
    return folder


def found(root: Path, domain: Domain = ANKLE, **options: Any) -> list[Finding]:
    """What planning says of the exams of a folder."""
    return list(find_faults([measure(case, domain) for case in find_cases(root)], **options))


def refused(root: Path, code: str, says: str, domain: Domain = ANKLE) -> None:
    """The first exam is refused with the class of its code, when it is read and when it is planned with."""
    with pytest.raises(PedsegError, match=says) as error:
        read_case(find_cases(root)[0], domain)
    wanted = 4 if isinstance(error.value, GeometryError) else 3
    assert (error.value.code, int(error.value.exit_code)) == (code, wanted)
    assert code in [finding.code for finding in found(root, domain)]


def another_grid(path: Path) -> None:
    moved, wider = AFFINE.copy(), AFFINE @ np.diag([1.05, 1, 1, 1])
    moved[0, 3] += 0.13
    for n, (affine, says) in enumerate(
        [(moved, r"corners 0\.13 mm apart"), (wider, r"corners 0\.57 mm apart"), (np.eye(4), "not on the image's grid")]
    ):
        write(path / str(n) / "a", affine=affine)
        refused(path / str(n), "PS-A69", says)
    write(path / "cut" / "a", boxes()[:-1])
    refused(path / "cut", "PS-A69", r"\(23, 20, 12\) against \(24, 20, 12\)")
    near = AFFINE.copy()
    near[0, 3] += 0.09
    write(path / "near" / "a", affine=near)
    assert found(path / "near") == []


def a_quarter_of_a_voxel(path: Path) -> None:
    """Where a voxel is small, a quarter of it is the limit, not 0.1 mm."""
    fine = np.diag([0.2, 0.2, 0.2, 1.0])
    for shift, says in ((0.04, ""), (0.06, r"corners 0\.06 mm")):
        moved = fine.copy()
        moved[1, 3] = shift
        folder = write(path / str(shift) / "a", affine=moved)
        nib.save(nib.Nifti1Image(np.asarray(nib.load(folder / "image.nii.gz").dataobj), fine), folder / "image.nii.gz")
        if says:
            refused(path / str(shift), "PS-A69", says)
        else:
            assert np.array_equal(read_case(find_cases(path / str(shift))[0], ANKLE)[1].array, boxes())


def another_order(path: Path) -> None:
    """All 48 orders and directions of storage are the same labels."""
    for n, (order, flips) in enumerate(product(permutations(range(3)), product((1, -1), repeat=3))):
        stored = boxes().transpose(order)[tuple(slice(None, None, f) for f in flips)]
        to_own = np.zeros((4, 4))
        to_own[3, 3] = 1
        for k, (axis, flip) in enumerate(zip(order, flips, strict=True)):
            to_own[axis, k] = flip
            to_own[axis, 3] = SHAPE[axis] - 1 if flip < 0 else 0
        write(path / str(n), stored, affine=AFFINE @ to_own)
    for case in find_cases(path):
        image, labels = read_case(case, ANKLE)
        assert np.array_equal(labels.array, boxes())
        assert labels.geometry.corner_distance_mm(image.geometry) == 0


def mirrored_and_moved(_path: Path) -> None:
    """Phantoms of each joint: right labels never warn, every mirror image and a shift of 15 mm do."""
    named = 0
    for domain in ("ankle", "knee", "shoulder"):
        exam = make_exam(draw_patient(domain, 3, 1), matrix=64)
        image, labels, spacing = exam.image.array, exam.labels.array, exam.image.spacing_mm
        assert check_placement(image, labels, spacing) is None
        for flips in list(product((1, -1), repeat=3))[1:]:
            notice = check_placement(image, labels[tuple(slice(None, None, f) for f in flips)], spacing)
            axes = " and ".join(str(axis) for axis in range(3) if flips[axis] < 0)
            assert notice is not None, (domain, flips)
            assert notice.code == "PS-W70"
            named += f"mirrored along array axis {axes}: on" in notice.text
        assert check_placement(image, np.roll(labels, round(15 / spacing[0]), axis=0), spacing) is not None
    assert named >= 18  # of 21; on so few voxels a place nearby may be as good


def mirrored_at_planning(path: Path) -> None:
    """The warning reaches the table of findings, and planning goes on."""
    exam = make_exam(draw_patient("ankle", 3, 1), matrix=64)
    for name, labels in (("right", exam.labels.array), ("wrong", exam.labels.array[:, ::-1])):
        (path / name / "a").mkdir(parents=True)
        write_nifti(exam.image, path / name / "a" / "image.nii.gz")
        write_nifti(exam.labels.with_array(labels), path / name / "a" / "labels.nii.gz")
    assert "PS-W70" not in [f.code for f in found(path / "right")]
    (finding,) = [f for f in found(path / "wrong") if f.code == "PS-W70"]
    assert not finding.is_error


def foreign_labels(path: Path) -> None:
    labels = boxes()
    labels[0, 0, :3] = 77
    labels[0, 1, :2] = 200
    write(path / "a", labels)
    refused(path, "PS-A71", r"a: labels 77 \(3 voxels\), 200 \(2 voxels\) are not of ankle \(1, 2, 3\)")


def negative_labels(path: Path) -> None:
    write(path / "a", np.where(boxes() == 1, np.int16(-1), boxes().astype(np.int16)))
    refused(path, "PS-A71", r"a: labels -1 \(192 voxels\)")


def huge_labels(_: Path) -> None:
    """Beyond what a whole number holds: told as they are, without a warning of numpy."""
    for value in (np.uint64(2**63 + 5), np.float64(1e300), np.int64(-(2**63))):
        labels = boxes().astype(type(value))
        labels[0, 0, 0] = value
        with pytest.raises(InputError, match=r"PS-A71: e: labels (9\.22337e\+18|1e\+300|-9\.22337e\+18) \(1 voxels\)"):
            mask_labels(labels, ANKLE, "e")


def floats(path: Path) -> None:
    """1.0 and 0.9997 are 1; 0.998, 1.5 and NaN are not labels."""
    for value in (1.0, 0.9997):
        write(path / str(value), boxes().astype(np.float32) * np.float32(value))
    for case in find_cases(path):
        assert np.array_equal(read_case(case, ANKLE)[1].array, boxes())
    for value in (0.998, 1.5, np.nan, np.inf):
        labels = boxes().astype(np.float32)
        labels[0, 0, 0] = value
        write(path / "bad" / "a", labels)
        refused(path / "bad", "PS-A72", r"a: labels are not whole numbers \(an interpolated mask\?\)")


def empty(path: Path) -> None:
    write(path / "a", np.zeros(SHAPE, np.uint8))
    refused(path, "PS-A73", "a: no voxel is labelled: annotate the exam or leave it out")


def no_label_file(path: Path) -> None:
    (write(path / "a") / "labels.nii.gz").unlink()
    refused(path, "PS-A73", "a: no label file: add labels.nii.gz beside the image")


def two_bones() -> np.ndarray:
    return np.where(boxes() == 3, np.uint8(0), boxes())


def unlabelled(path: Path) -> None:
    """A bone without a voxel may be there all the same: it is not learned as background unless somebody says so."""
    write(path / "a", two_bones())
    (finding,) = found(path)
    assert (finding.code, finding.what) == ("PS-A74", "no voxel of tibia_distal")
    assert finding.advice == 'label it, or, where it is not in the image, put "absent":["tibia_distal"] into case.json'


def declared_absent(path: Path) -> None:
    write(path / "a", two_bones(), absent=["tibia_distal"])
    (finding,) = found(path)
    assert (finding.code, finding.what, finding.is_error) == ("PS-W74", "tibia_distal declared absent", False)


def declared_in_a_dataset_file(path: Path) -> None:
    for name in ("x", "y"):
        folder = write(path / "made" / name, two_bones(), seed=ord(name))
        for part, file in (("imagesTr", f"{name}_0000.nii.gz"), ("labelsTr", f"{name}.nii.gz")):
            (path / part).mkdir(exist_ok=True)
            (folder / ("image.nii.gz" if "_0" in file else "labels.nii.gz")).rename(path / part / file)
    labels = {"calcaneus": 1, "talus": 2, "tibia_distal": 3}
    (path / "dataset.json").write_text(json.dumps({"labels": labels, "absent": {"y": ["tibia_distal"]}}))
    first, second = found(path)
    assert [(f.case, f.code) for f in (first, second)] == [("x", "PS-A74"), ("y", "PS-W74")]
    assert first.advice.endswith('put "absent":{"x":["tibia_distal"]} into dataset.json')


def declared_wrongly(path: Path) -> None:
    write(path / "a", absent=["talus"])
    write(path / "b", two_bones(), absent=["tibia_dist"], seed=1)
    write(path / "c", two_bones(), absnt=["tibia_distal"], seed=2)
    with pytest.raises(UsageError, match=r"PS-A96: c/case\.json: no key 'absnt' is read, did you mean 'absent'"):
        find_cases(path)
    (path / "c" / "case.json").unlink()
    first, second, third = found(path)
    assert (first.code, first.what) == ("PS-A74", "talus is declared absent and has voxels")
    assert (second.code, third.code) == ("PS-A74", "PS-A74")
    assert "no structure is called tibia_dist; did you mean 'tibia_distal'" in f"{second.what}: {second.advice}"


def components(path: Path) -> None:
    """Parts are told with their volumes; 0.3 mm3 a voxel."""
    labels = boxes()
    labels[0, 18, 11] = 2
    labels[20:22, 15:17, 3:5] = 2
    write(path / "a", labels)
    (finding,) = (f for f in found(path) if f.code != "PS-W76")
    assert (finding.code, finding.is_error) == ("PS-W75", False)
    assert finding.what == "talus has 3 components (58, 2.4, 0.3 mm3)"


def some_slices(path: Path) -> None:
    """One gap of 7 slices warns; every second slice of them is more than a fifth, and refused unless allowed."""
    for name, rows in (("one", slice(5, 6)), ("half", slice(3, 9, 2))):
        labels = boxes()
        labels[:, :, rows] = 0
        write(path / name / "a", labels)
    (one,) = (f for f in found(path / "one") if "76" in f.code)
    assert (one.code, one.what) == ("PS-W76", "1 of 8 slices (array axis 2) between labelled ones hold no label")
    (half,) = (f for f in found(path / "half") if "76" in f.code)
    assert (half.code, half.what) == ("PS-A76", "3 of 8 slices (array axis 2) between labelled ones hold no label")
    assert "PS-A76" not in [f.code for f in found(path / "half", allow_gaps=True)]


def one_gap_is_two_legs(path: Path) -> None:
    labels = boxes()
    labels[:, :, 4:8] = 0
    write(path / "a", labels)
    assert {f.code for f in found(path)} == {"PS-W75", "PS-W76"}


def overlapping_files(path: Path) -> None:
    """One file a bone: no order decides whose a voxel is."""
    for label, name in enumerate(ANKLE.labels, start=1):
        inside = boxes() == label
        if name == "talus":
            inside[5, 4, 2:5] = True
        (path / "a").mkdir(exist_ok=True)
        write_nifti(Volume(inside, AFFINE), path / "a" / f"{name}.nii.gz")
    with pytest.raises(InputError, match=r"PS-A132: a: 3 voxels belong to several structures: give each voxel to one"):
        read_mask(path / "a", ANKLE)


def four_dimensions(path: Path) -> None:
    """As stacked bones and as one-hot channels, in NIfTI and in NRRD."""
    hot = np.stack([boxes() == label for label in range(4)], axis=-1).astype(np.uint8)
    write(path / "a", hot)
    refused(path, "PS-A121", r"24x20x12x4: one 3-D image was wanted")
    (path / "a" / "labels.nii.gz").unlink()
    vector = SimpleITK.GetImageFromArray(hot.transpose(2, 1, 0, 3), isVector=True)
    SimpleITK.WriteImage(vector, str(path / "a" / "labels.nrrd"))
    refused(path, "PS-A121", "one 3-D image of single numbers was wanted")


def colours(path: Path) -> None:
    rgb = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    rgb["R"] = boxes()
    write(path / "a", rgb)
    refused(path, "PS-A121", "integers or real numbers were wanted")


def on_alone(path: Path) -> None:
    """255 says that something is there, not what: a label map is asked for."""
    write(path / "a", np.where(boxes() > 0, np.uint8(255), np.uint8(0)))
    refused(path, "PS-A71", r"a: the mask holds 255 alone, .*a label map \(calcaneus 1, talus 2, tibia_distal 3\)")
    one = ANKLE.model_copy(update={"structures": ANKLE.structures[:1]})
    refused(path, "PS-A71", r"give calcaneus source_value: \[255\] in a domain.yaml", domain=one)
    structure = one.structures[0].model_copy(update={"source_value": (255,)})
    assert {f.code for f in found(path, one.model_copy(update={"structures": (structure,)}))} == {"PS-W75"}


def two_transforms(path: Path) -> None:
    """The sform counts where both are set; 0.05 mm apart is said, with which was taken."""
    far, near = AFFINE.copy(), AFFINE.copy()
    far[0, 3] += 0.2
    near[0, 3] += 0.04
    for name, qform, codes in (("far", far, (1, 1)), ("near", near, (1, 1)), ("q", far, (0, 1)), ("none", far, (0, 0))):
        image = nib.Nifti1Image(boxes(), None)
        image.header.set_sform(AFFINE, code=codes[0])
        image.header.set_qform(qform, code=codes[1])
        nib.save(image, path / f"{name}.nii.gz")
    read = {name: read_nifti(path / f"{name}.nii.gz") for name in ("far", "near", "q", "none")}
    for name, affine in (("far", AFFINE), ("near", AFFINE), ("q", far)):
        assert read[name].geometry.corner_distance_mm(Geometry(SHAPE, affine)) < 1e-4
    said = {name: [str(notice) for notice in volume.notices] for name, volume in read.items()}
    assert said["far"] == ["PS-W79: sform and qform lie 0.20 mm apart: the sform was used"]
    assert said["near"] == said["q"] == []
    assert said["none"] == ["PS-W79: neither sform nor qform is set: left and right cannot be told"]


def both_transforms_written(path: Path) -> None:
    write_nifti(Volume(boxes(), AFFINE), path / "x.nii.gz")
    header = nib.load(path / "x.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    for matrix in (header.get_sform(), header.get_qform()):
        assert Geometry(SHAPE, matrix).corner_distance_mm(Geometry(SHAPE, AFFINE)) < 0.02
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.3
    write_nifti(Volume(boxes(), sheared), path / "y.nii.gz")
    back = read_nifti(path / "y.nii.gz")
    assert back.geometry.corner_distance_mm(Geometry(SHAPE, sheared)) < 1e-4
    assert (back.notices, int(nib.load(path / "y.nii.gz").header["qform_code"])) == ((), 0)


def flipped_bits(path: Path) -> None:
    """300 places of a file, gzip header and trailer among them: refused, or the same voxels at the same places."""
    rng = np.random.default_rng(0)
    whole = Volume(rng.integers(0, 9, (20, 20, 20)).astype(np.uint8), AFFINE)
    write_nifti(whole, path / "x.nii.gz")
    data = (path / "x.nii.gz").read_bytes()
    places = sorted({*range(10), *range(len(data) - 8, len(data)), *rng.choice(len(data), 290, replace=False).tolist()})
    harmless = 0
    for place in places[:300]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        (path / "y.nii.gz").write_bytes(flipped)
        try:
            back = read_nifti(path / "y.nii.gz")
        except InputError as error:
            assert error.code in {"PS-A80", "PS-A121"}  # noqa: PT017
            continue
        harmless += 1
        assert place < 10, place  # only gzip's own header: time, system, flags
        assert np.array_equal(back.array, whole.array)
        assert back.geometry.corner_distance_mm(whole.geometry) < 1e-4
    assert harmless <= 10


def cut_files(path: Path) -> None:
    for name in ("x.nii.gz", "x.nii"):
        write_nifti(Volume(boxes(), AFFINE), path / name)
        data = (path / name).read_bytes()
        for end in [0, 1, 10, len(data) // 2, len(data) - 9, len(data) - 4, len(data) - 1]:
            (path / name).write_bytes(data[:end])
            with pytest.raises(InputError) as error:
                read_nifti(path / name)
            assert error.value.code in {"PS-A80", "PS-A121"}, end


def a_wrong_sum(path: Path) -> None:
    """Whole voxels with a wrong checksum behind: readers that stop at the last voxel never see it."""
    write_nifti(Volume(boxes(), AFFINE), path / "x.nii.gz")
    data = bytearray((path / "x.nii.gz").read_bytes())
    data[-6] ^= 1
    (path / "x.nii.gz").write_bytes(data)
    with pytest.raises(InputError, match=r"PS-A80: x\.nii\.gz is damaged \(CRC check failed.*copy it again"):
        read_nifti(path / "x.nii.gz")


def one_image_twice(path: Path) -> None:
    """Under two names, in another order and type of storage: content tells, in the second domain too."""
    write(path / "a", seed=4)
    write(path / "b", seed=4)
    image = np.asarray(nib.load(path / "b" / "image.nii.gz").dataobj)
    turned = AFFINE[:, [2, 0, 1, 3]]
    nib.save(nib.Nifti1Image(image.transpose(2, 0, 1).astype(np.float32), turned), path / "b" / "image.nii.gz")
    write(path / "c", seed=5)
    (finding,) = found(path)
    assert (finding.case, finding.code, finding.what) == ("b", "PS-A81", "the same image as ankle/a")
    assert main(["-d", f"ankle={path}", "-w", str(path / "space")]) == 3


def two_images_for_one_name(path: Path) -> None:
    folder = write(path / "made")
    (path / "imagesTr").mkdir()
    for ending in (".nii.gz", ".nii"):
        (path / "imagesTr" / f"x_0000{ending}").write_bytes((folder / "image.nii.gz").read_bytes())
    (path / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match=r"PS-A81: x has two images, x_0000\.nii and x_0000\.nii\.gz"):
        find_cases(path)


def names_that_differ_in_capitals(path: Path) -> None:
    write(path / "Knee1")
    write(path / "knee1", seed=1)
    if len(list(path.iterdir())) == 1:
        pytest.skip("this disk does not tell capitals apart")
    with pytest.raises(UsageError, match="PS-A99: case names Knee1 and knee1 differ in capitals only"):
        find_cases(path)


def patients_stay_on_one_side(_path: Path) -> None:
    """Two exams of each patient; every fold of both schemes, and with unequal numbers of exams."""
    cases = {"ankle": {f"e{i:02d}": f"p{i // 2}" for i in range(11)}}
    for fold in (*leave_one_out(cases), *k_fold(cases, 3)):
        sides = [{cases["ankle"][e] for e in part["ankle"]} for part in (fold.train, fold.validation, fold.test)]
        assert all(a.isdisjoint(b) for a, b in ((sides[0], sides[1]), (sides[0], sides[2]), (sides[1], sides[2])))


def an_edited_plan(path: Path) -> None:
    """A person moves one exam of a patient to the other side."""
    exams = {"a1": "anna", "a2": "anna", "b1": "ben", "c1": "cleo"}
    part = DomainPlan(domain=ANKLE, plane="axial", spacing_mm=1, cases=exams)
    folds = leave_one_out({"ankle": exams})
    save_plan(Plan(domains=(part,), objective=ObjectiveSpec(name="ce"), folds=folds), PlanFiles(path))
    values = json.loads((path / "plan.json").read_text())
    for side in ("validation", "test"):
        fold = {"test": {}, "validation": {}, "train": {"ankle": ["a1", "b1"]}, side: {"ankle": ["a2"]}}
        (path / "plan.json").write_text(json.dumps({**values, "folds": [fold]}))
        with pytest.raises(UsageError, match=rf"ankle/a1 \(train\) and ankle/a2 \({side}\) are of one patient"):
            load_plan(path)


ROWS: dict[str, Row] = {
    "69": another_grid,
    "69-quarter": a_quarter_of_a_voxel,
    "69-order": another_order,
    "70": mirrored_and_moved,
    "70-planning": mirrored_at_planning,
    "71": foreign_labels,
    "71-negative": negative_labels,
    "71-huge": huge_labels,
    "72": floats,
    "73": empty,
    "73-none": no_label_file,
    "74": unlabelled,
    "74-declared": declared_absent,
    "74-dataset": declared_in_a_dataset_file,
    "74-wrongly": declared_wrongly,
    "75": components,
    "76": some_slices,
    "76-one": one_gap_is_two_legs,
    "77": overlapping_files,
    "78": four_dimensions,
    "78-rgb": colours,
    "78-255": on_alone,
    "79": two_transforms,
    "79-written": both_transforms_written,
    "80": flipped_bits,
    "80-cut": cut_files,
    "80-sum": a_wrong_sum,
    "81": one_image_twice,
    "81-name": two_images_for_one_name,
    "81-capitals": names_that_differ_in_capitals,
    "81-patient": patients_stay_on_one_side,
    "81-edited": an_edited_plan,
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, tmp_path: Path) -> None:
    ROWS[row](tmp_path)
