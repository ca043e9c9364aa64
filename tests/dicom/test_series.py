"""Which images belong together: one test for each fault of the catalogue, named by its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mr_series import GRID, Grid, image, place_error_mm, save, uid, write_series
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage

from pedseg.dicom import discover, read_series, read_volume
from pedseg.errors import PedsegError, UsageError

RIGHT_MM = 0.02
AXIAL = {"along_row": (1.0, 0.0, 0.0), "along_column": (0.0, 1.0, 0.0), "step": 9.0}


def two_series(folder: Path, n: int = 10, **tags: object) -> None:
    write_series(folder)
    other = {"SeriesInstanceUID": uid("other"), "SeriesNumber": 7, "FrameOfReferenceUID": uid("frame")} | tags
    write_series(folder, grid=Grid(n=n, origin=(80.0, 0.0, 0.0)), prefix="other", **other)


def small_second_series(folder: Path) -> None:
    two_series(folder, n=3)


def localizer(folder: Path, **shape: int) -> None:
    write_series(folder)
    write_series(folder, grid=Grid(n=3, **AXIAL, **shape), prefix="loc")


def localizer_other_matrix(folder: Path) -> None:
    localizer(folder, rows=64, columns=64)


def localizer_by_name(folder: Path) -> None:
    """Nine images, as many as a volume, but the scanner says what they are."""
    write_series(folder)
    write_series(folder, grid=Grid(n=9, **AXIAL), prefix="loc", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


def parallel_localizer(folder: Path) -> None:
    """Three images between the slices, in every number like them."""
    write_series(folder)
    between = Grid(n=3, step=4.0, origin=tuple(GRID.lps @ [0, 0, 0.5, 1])[:3])
    write_series(folder, grid=between, prefix="loc", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


def captures_and_documents(folder: Path) -> None:
    write_series(folder)
    captures_only(folder)


def captures_only(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    colour = image(GRID, 0, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    colour.BitsAllocated, colour.BitsStored, colour.HighBit = 8, 8, 7
    colour.PlanarConfiguration, colour.PixelData = 0, bytes(48 * 40 * 3)
    save(colour, folder / "colour")
    save(image(GRID, 1, PhotometricInterpretation="PALETTE COLOR"), folder / "palette")
    colour.SOPClassUID = colour.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    save(colour, folder / "capture")
    document = image(GRID, 0, SOPClassUID=KeyObjectSelectionDocumentStorage, PixelData=None)
    save(document, folder / "document")


def monochrome1(folder: Path) -> None:
    write_series(folder, PhotometricInterpretation="MONOCHROME1")


def repeated(tags_of: dict[str, list[object]]):
    """A writer of the series once for each list entry, with those tags; grey values differ by 500 each time."""

    def write(folder: Path) -> None:
        n = len(next(iter(tags_of.values())))

        def change(k: int, _ds: Dataset) -> list[Dataset]:
            images = []
            for copy in range(n):
                ds = image(GRID, k, **{key: values[copy] for key, values in tags_of.items()})
                ds.SOPInstanceUID = uid("image", ds.SeriesInstanceUID, k, copy)
                ds.InstanceNumber = k * n + copy + 1
                ds.PixelData = (GRID.plane(k) + 500 * copy).astype("<u2").tobytes()
                images.append(ds)
            return images

        write_series(folder, change)

    return write


two_echoes = repeated({"EchoTime": ["3.1", "9.3"], "EchoNumbers": [1, 2]})
echoes_without_number = repeated({"EchoTime": ["9.3", "3.1"], "EchoNumbers": [None, None]})
phases = repeated({"TemporalPositionIdentifier": [1, 2]})
acquisitions = repeated({"AcquisitionNumber": [1, 2]})
triggers = repeated({"TriggerTime": ["0", "120"]})
b_values = repeated({"DiffusionBValue": [0.0, 800.0]})
dixon = repeated({"ImageType": [["DERIVED", "PRIMARY", "DIXON", kind] for kind in ("WATER", "FAT")]})
magnitude_and_phase = repeated({"ImageType": [["ORIGINAL", "PRIMARY", kind, "ND"] for kind in ("M", "P")]})
contradiction = repeated({"AcquisitionNumber": [1, 1]})


def copied_file(folder: Path) -> None:
    write_series(folder)
    for name in ("im0003", "im0016"):
        (folder / f"copy of {name}").write_bytes((folder / name).read_bytes())


def same_uid_other_pixels(folder: Path) -> None:
    write_series(folder)
    other = image(GRID, 5)
    other.PixelData = image(GRID, 6).PixelData
    save(other, folder / "other")


def same_place_other_uid(folder: Path) -> None:
    write_series(folder)
    save(image(GRID, 5, SOPInstanceUID=uid("sent twice")), folder / "other")


def one_contradiction(folder: Path) -> None:
    write_series(folder)
    other = image(GRID, 5, SOPInstanceUID=uid("other"))
    other.PixelData = image(GRID, 6).PixelData
    save(other, folder / "other")


def two_patients(folder: Path) -> None:
    write_series(folder)
    write_series(folder, prefix="other", PatientID="ZZPHI-2")


def stray_frame_of_reference(folder: Path) -> None:
    write_series(folder, lambda k, ds: image(GRID, k, FrameOfReferenceUID=uid("moved")) if k == GRID.n - 1 else ds)


def no_series_uid(folder: Path) -> None:
    write_series(folder, SeriesInstanceUID=None)


def derived(folder: Path) -> None:
    write_series(folder, ImageType=["DERIVED", "SECONDARY", "M", "MPR"])


@pytest.mark.parametrize(
    ("write", "notices"),
    [
        pytest.param(small_second_series, {"PS-W20"}, id="20-one-fits"),
        pytest.param(localizer_other_matrix, {"PS-W21"}, id="21"),
        pytest.param(localizer, {"PS-W21"}, id="22"),
        pytest.param(localizer_by_name, {"PS-W21"}, id="22-named"),
        pytest.param(parallel_localizer, {"PS-W21"}, id="22-parallel"),
        pytest.param(captures_and_documents, set(), id="23"),
        pytest.param(monochrome1, {"PS-W24"}, id="24"),
        pytest.param(magnitude_and_phase, {"PS-W21"}, id="27"),
        pytest.param(copied_file, {"PS-W28"}, id="28-copies"),
        pytest.param(same_place_other_uid, {"PS-W28"}, id="29"),
        pytest.param(no_series_uid, {"PS-W32"}, id="32"),
        pytest.param(derived, {"PS-W33"}, id="33"),
    ],
)
def test_the_volume_is_found(write, notices, tmp_path):
    write(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam")
    assert volume.shape == (GRID.columns, GRID.rows, GRID.n)
    assert np.abs(volume.affine - GRID.ras).max() <= 1e-8
    assert place_error_mm(volume) < RIGHT_MM
    assert {n.code for n in volume.notices} - {"PS-W37"} == notices


@pytest.mark.parametrize(
    ("write", "code", "says"),
    [
        pytest.param(
            two_series,
            "PS-A20",
            r"1 \(series 4\): 40x48x16, 0.25x0.3x0.8 mm; 2 \(series 7\): 40x48x10, 0.25x0.3x0.8 mm",
            id="20",
        ),
        pytest.param(captures_only, "PS-A04", "2 colour image, 1 not an MR image .Key Object", id="23-nothing-else"),
        pytest.param(two_echoes, "PS-A25", "echo 1: 3.1 ms, 16 slices; echo 2: 9.3 ms, 16 slices", id="25"),
        pytest.param(echoes_without_number, "PS-A25", "echo 1: 3.1 ms, 16 slices; echo 2: 9.3 ms", id="25-no-number"),
        pytest.param(phases, "PS-A26", "phase 1: temporal position 1, 16 slices; phase 2: temporal pos", id="26"),
        pytest.param(acquisitions, "PS-A26", "acquisition 2", id="26-acquisition"),
        pytest.param(triggers, "PS-A26", "trigger time 120", id="26-trigger"),
        pytest.param(b_values, "PS-A26", "b-value 800", id="26-b-value"),
        pytest.param(dixon, "PS-A26", "phase 1: kind DIXON/FAT, 16 slices; phase 2: kind DIXON/WATER", id="27-dixon"),
        pytest.param(same_uid_other_pixels, "PS-A28", "im0006 and other|other and im0006", id="28"),
        pytest.param(one_contradiction, "PS-A30", "at position 6", id="30"),
        pytest.param(contradiction, "PS-A30", "16 positions hold several", id="30-all"),
        pytest.param(two_patients, "PS-A31", "several patients", id="31"),
        pytest.param(stray_frame_of_reference, "PS-A31", "frames of reference", id="31-one-image"),
    ],
)
def test_refused_mixtures(write, code, says, tmp_path):
    write(tmp_path / "exam")
    with pytest.raises(PedsegError, match=says) as refusal:
        read_volume(tmp_path / "exam")
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)
    assert "ZZPHI" not in str(refusal.value)


@pytest.mark.parametrize("series", [1, "1", uid("series")], ids=["20-index", "20-text", "20-uid"])
def test_a_series_is_chosen_by_index_or_uid(series, tmp_path):
    two_series(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam", series=series)
    assert place_error_mm(volume) < RIGHT_MM
    assert np.abs(volume.affine - GRID.ras).max() <= 1e-8
    assert volume.facts["series_number"] == 4


def test_a_wrong_choice_is_answered_with_the_list(tmp_path):
    """Rows 20, 25 and 26."""
    two_series(tmp_path / "exam")
    with pytest.raises(UsageError, match=r"no series 3 here; there are: 1 .series 4.*; 2 .series 7"):
        read_volume(tmp_path / "exam", series=3)
    two_echoes(tmp_path / "echoes")
    with pytest.raises(UsageError, match=r"no echo 3 here.*echo 2"):
        read_volume(tmp_path / "echoes", echo=3)
    with pytest.raises(UsageError, match="no phase 2 here"):
        read_volume(tmp_path / "echoes", echo=1, phase=2)


@pytest.mark.parametrize(
    ("write", "choice", "extra"),
    [
        pytest.param(two_echoes, {"echo": 1}, 0, id="25-first"),
        pytest.param(two_echoes, {"echo": 2}, 500, id="25-second"),
        pytest.param(echoes_without_number, {"echo": 1}, 500, id="25-by-time"),
        pytest.param(phases, {"phase": 1}, 0, id="26-first"),
        pytest.param(phases, {"phase": 2}, 500, id="26-second"),
        pytest.param(dixon, {"phase": 2}, 0, id="27-water"),
    ],
)
def test_an_echo_or_phase_is_chosen_by_number(write, choice, extra, tmp_path):
    write(tmp_path / "exam")
    volume = read_volume(tmp_path / "exam", **choice)
    assert place_error_mm(volume.with_array(volume.array.astype(int) - extra)) < RIGHT_MM
    assert volume.shape[2] == GRID.n
    assert all(volume.facts[key] == number for key, number in choice.items())


def test_every_candidate_can_be_read(tmp_path):
    """What `discover` lists, `read_series` reads; index, echo and phase name it."""
    two_series(tmp_path / "exam")
    repeated({"EchoTime": ["3.1", "9.3"], "SeriesInstanceUID": [uid("third")] * 2})(tmp_path / "exam" / "echoes")
    found = discover(tmp_path / "exam").series
    assert len({(s.index, s.echo, s.phase) for s in found}) == len(found)
    for series in found:
        volume = read_series(series)
        again = read_volume(tmp_path / "exam", series=series.index, echo=series.echo, phase=series.phase)
        assert np.array_equal(volume.array, again.array)
        assert volume.shape[2] == series.n_slices


def test_numbers_counted_slice_by_slice_do_not_split_a_volume(tmp_path):
    """Row 26: acquisition number and trigger time that grow with the slice, and one slice sent twice."""

    def change(k: int, ds: Dataset) -> list[Dataset]:
        ds.AcquisitionNumber, ds.TriggerTime = k + 1, str(40 * k)
        return [ds, image(GRID, k, SOPInstanceUID=uid("again"), AcquisitionNumber=99)] if k == 5 else [ds]

    write_series(tmp_path / "exam", change)
    assert read_volume(tmp_path / "exam").shape[2] == GRID.n


def test_facts_hold_no_identity(tmp_path):
    write_series(tmp_path)
    volume = read_volume(tmp_path)
    assert volume.facts == {
        "manufacturer": "Acme",
        "modality": "MR",
        "body_part": "KNEE",
        "field_strength_t": 3.0,
        "repetition_time_ms": 13.0,
        "series_number": 4,
        "echo": 1,
        "echo_time_ms": 4.4,
        "n_files": 16,
        "n_slices": 16,
        "transfer_syntax": "Explicit VR Little Endian",
    }
    assert volume.slice_axis == 2
    found = discover(tmp_path)
    assert "ZZPHI" not in repr(found)
    assert "ZZPHI" not in repr(found.series[0].frames)
    assert uid("series") not in repr(found)
