"""Writing a DICOM SEG: bit for bit at its place, the same bytes each time, and nothing of the source but identity."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from mr_series import GRID, Grid, raw, save, write_series
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from test_multiframe import enhanced, frame_groups

from pedseg.dicom import read_volume
from pedseg.dicom.segmentation import read_segmentation
from pedseg.dicom.segmentation_source import SegmentationSource, find_source
from pedseg.dicom.segmentation_writer import Algorithm, write_segmentation
from pedseg.domains import Domain, load_domains
from pedseg.domains.domain import Structure
from pedseg.errors import OutputError
from pedseg.volumes import Geometry, Volume
from pedseg.volumes.geometry import LPS_TO_RAS

(KNEE,) = load_domains(["knee"])
ALGORITHM = Algorithm("default", "f00d" * 16)
TILTED = replace(GRID, along_row=(0.6, 0.64, -0.48), along_column=(0.0, 0.6, 0.8))


def labelled(folder: Path) -> Volume:
    """Noise of labels, so that any exchange of axes or slices shows; the last structure is not found."""
    image = read_volume(folder)
    array = np.random.default_rng(5).integers(0, 4, image.shape).astype(np.uint8)
    array[:, :, :2] = 0
    return Volume(array, image.affine, image.slice_axis)


def written(
    folder: Path, labels: Volume, name: str = "labels.dcm", domain: Domain = KNEE, *, kind: str = "binary"
) -> Path:
    path = folder.parent / name
    write_segmentation(path, labels, find_source(folder), domain, ALGORITHM, kind=kind)
    return path


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
@pytest.mark.parametrize("grid", [GRID, TILTED, replace(GRID, step=-0.8)], ids=["oblique", "double", "reversed"])
def test_labels_come_back_bit_for_bit_at_their_place(tmp_path: Path, grid: Grid, kind: str) -> None:
    labels = labelled(write_series(tmp_path / "exam", grid=grid))
    seg = hd.seg.segread(written(tmp_path / "exam", labels, kind=kind))
    assert seg.SegmentationType == kind.upper()
    volume = seg.get_volume(combine_segments=True)
    affine = (LPS_TO_RAS @ volume.affine)[:, [2, 1, 0, 3]]
    array = volume.array.transpose(2, 1, 0)
    if affine[:3, 2] @ labels.affine[:3, 2] < 0:
        affine[:3, 3] += affine[:3, 2] * (array.shape[2] - 1)
        affine[:3, 2] *= -1
        array = array[:, :, ::-1]
    assert Geometry(array.shape, affine).corner_distance_mm(labels.geometry) < 1e-4
    np.testing.assert_array_equal(array, labels.array)
    own = read_segmentation(tmp_path / "labels.dcm", KNEE)
    assert np.bincount(own.array.ravel()).tolist() == np.bincount(labels.array.ravel()).tolist()


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_an_enhanced_file_is_referred_to_frame_by_frame(tmp_path: Path, kind: str) -> None:
    (tmp_path / "exam").mkdir()
    frames = [(k, frame_groups(k, temporal=t)) for t in (1, 2) for k in reversed(range(GRID.n))]
    save(enhanced(frames), tmp_path / "exam" / "file")
    image = read_volume(tmp_path / "exam", phase=2)
    labels = image.with_array(np.random.default_rng(6).integers(0, 5, image.shape).astype(np.uint8))
    path = tmp_path / "labels.dcm"
    write_segmentation(path, labels, find_source(tmp_path / "exam", phase=2), KNEE, ALGORITHM, kind=kind)
    seg = dcmread(path)
    (series,) = seg.ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == 1
    seen = {}
    for frame in seg.PerFrameFunctionalGroupsSequence:
        (image,) = frame.DerivationImageSequence[0].SourceImageSequence
        seen[int(image.ReferencedFrameNumber)] = tuple(map(float, frame.PlanePositionSequence[0].ImagePositionPatient))
    assert len(seen) == GRID.n
    for number, position in seen.items():
        lps = GRID.lps @ [0, 0, 2 * GRID.n - number, 1]  # the second half, in reverse
        np.testing.assert_allclose(position, lps[:3], atol=1e-4)


def test_the_same_labels_give_the_same_bytes_and_others_another_uid(tmp_path: Path) -> None:
    labels = labelled(write_series(tmp_path / "exam", StudyDate="20200102", StudyTime="101112"))
    one, two = (written(tmp_path / "exam", labels, name).read_bytes() for name in ("a.dcm", "b.dcm"))
    assert one == two
    assert one[:132] == bytes(128) + b"DICM"
    seg = dcmread(tmp_path / "a.dcm")
    assert (seg.ContentDate, seg.ContentTime, seg.SeriesDate) == ("20200102", "101112", "20200102")
    other = Algorithm("default", "beef" * 16)
    write_segmentation(tmp_path / "c.dcm", labels, find_source(tmp_path / "exam"), KNEE, other)
    written(tmp_path / "exam", labels, "d.dcm", kind="labelmap")
    assert dcmread(tmp_path / "c.dcm").SOPInstanceUID != seg.SOPInstanceUID


def test_it_says_what_it_is(tmp_path: Path) -> None:
    seg = dcmread(written(tmp_path / "exam", labelled(write_series(tmp_path / "exam"))))
    assert (seg.SegmentationType, seg.SegmentsOverlap) == ("BINARY", "NO")
    assert seg.SeriesDescription == "pedseg knee, RESEARCH ONLY"
    assert (str(seg.ContentCreatorName), seg.ContentDescription) == ("pedseg", "Research only, not a medical device")
    assert seg.NumberOfFrames == GRID.n * 4  # a structure that was not found is declared all the same
    for segment, structure in zip(seg.SegmentSequence, KNEE.structures, strict=True):
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        named = (segment.SegmentLabel, kind.CodeValue, kind.CodingSchemeDesignator)
        assert named == (structure.name, structure.snomed, "SCT")
        assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == codes.SCT.AnatomicalStructure.value
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        assert ALGORITHM.digest in segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
    meanings = [s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for s in seg.SegmentSequence]
    assert meanings == [c.meaning for c in (codes.SCT.Femur, codes.SCT.Fibula, codes.SCT.Patella, codes.SCT.Tibia)]


def test_only_the_identity_of_patient_and_study_is_taken(tmp_path: Path) -> None:
    kept = {"PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "20110203", "PatientSex": "F"}
    kept |= {"AccessionNumber": "A1", "StudyID": "S1", "ReferringPhysicianName": "House^G", "StudyDate": "20200102"}
    left = dict.fromkeys(("InstitutionName", "StationName", "OperatorsName", "PatientComments"), "ZZPHI")
    left |= dict.fromkeys(("StudyDescription", "ProtocolName", "PatientAddress", "OtherPatientIDs"), "ZZPHI")
    folder = write_series(tmp_path / "exam", SeriesDescription="ZZPHI", **kept, **left)
    path = written(folder, labelled(folder))
    seg = dcmread(path)
    assert {word: str(seg[word].value) for word in kept} == kept
    assert b"ZZPHI" not in path.read_bytes()


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of the values the test writes
@pytest.mark.parametrize("values", ["odd", "absent"])
def test_odd_or_absent_tags_of_type_2_are_no_obstacle(tmp_path: Path, values: str) -> None:
    words = ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "PatientName", "PatientID", "AccessionNumber")

    def change(_: int, ds: Dataset) -> Dataset:
        for word in words:
            if values == "absent" and word in ds:
                del ds[word]
            elif values == "odd":
                raw(ds, word, dictionary_VR(word), "R\u00f6ntgen, not known".encode())
        ds.SpecificCharacterSet = "ISO_IR 192"
        return ds

    folder = write_series(tmp_path / "exam", change)
    labels = labelled(folder)
    seg = dcmread(written(folder, labels))
    assert all(word in seg for word in words)
    assert str(seg.PatientID or "") == {"absent": "", "odd": "R\u00f6ntgen, not known"}[values]


def test_a_structure_without_a_code_is_an_anatomical_structure(tmp_path: Path) -> None:
    domain = Domain(name="toe", structures=(Structure(name="big_toe", color="#ff0000"),))
    folder = write_series(tmp_path / "exam")
    labels = labelled(folder)
    path = written(folder, labels.with_array((labels.array == 1).astype(np.uint8)), domain=domain)
    kind = dcmread(path).SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodeMeaning) == ("91723000", codes.SCT.AnatomicalStructure.meaning)
    assert read_segmentation(path, domain).array.any()


def test_a_title_that_the_character_set_lacks_gives_way_to_the_name(tmp_path: Path) -> None:
    structures = tuple(s.model_copy(update={"title": f"Sch\u00e4del {s.name}"}) for s in KNEE.structures)
    folder = write_series(tmp_path / "in")
    path = written(folder, labelled(folder), domain=KNEE.model_copy(update={"structures": structures}))
    kinds = [segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for segment in dcmread(path).SegmentSequence]
    assert kinds == list(KNEE.labels)


def test_a_file_that_does_not_read_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_series(tmp_path / "exam")
    labels = labelled(folder)
    whole = Dataset.save_as

    def damaging(self: Dataset, stream: BytesIO, **options: object) -> None:
        whole(self, stream, **options)
        stream.getbuffer()[-100] ^= 0xFF

    monkeypatch.setattr(Dataset, "save_as", damaging)
    with pytest.raises(OutputError, match=r"PS-A105: labels\.dcm does not read back as it was written"):
        written(folder, labels)


@pytest.mark.parametrize("program", ["dciodvfy", "segimage2itkimage"])
def test_other_programs_accept_it(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian dicom3tools, PyPI dcmqi)")
    folder = write_series(tmp_path / "exam")
    path = written(folder, labelled(folder))
    command = {"dciodvfy": [program, "-new", str(path)]}.get(program)
    command = command or [program, "--inputDICOM", str(path), "--outputDirectory", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stderr


def test_a_segment_is_found_by_a_viewer_on_every_slice(tmp_path: Path) -> None:
    source: SegmentationSource = find_source(write_series(tmp_path / "exam"))
    assert [frame.name for frame in source.frames] == sorted(frame.name for frame in source.frames)
    seg = dcmread(written(tmp_path / "exam", labelled(tmp_path / "exam")))
    referred = [
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for frame in seg.PerFrameFunctionalGroupsSequence
    ]
    assert set(referred) == {frame.uid for frame in source.frames}
