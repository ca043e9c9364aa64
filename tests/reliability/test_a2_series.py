"""Section A2 of the catalogue: which images belong together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import a2_faults as build
import highdicom as hd
import numpy as np
import pytest
from a1_faults import compressed
from a2_faults import each, half_way, other, raw_values, repeated, same_place, series, some, stack, together
from dicom_rows import DicomRow, check
from hypothesis import given, settings
from hypothesis import strategies as st
from mr_series import GRID, Grid, image, place_error_mm, raw, save, uid, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from pedseg.dicom import ReadOptions, discover, read_volume
from pedseg.errors import InputError, PedsegError

CT_TOO = {"options": ReadOptions(any_modality=True)}
PADDED = uid("series").encode()


def monochrome1(wish: str) -> dict[str, object]:
    return {"options": ReadOptions(monochrome1=wish)}


ROWS = (
    DicomRow("20", "two series that fit", together(series(), other()), "PS-A20",
             r"^2 series fit; choose one by its number: "
             r"1 \(series 4\): 40x48x16, 0.25x0.3x0.8 mm; 2 \(series 7\): 40x48x10, 0.25x0.3x0.8 mm$"),
    DicomRow("20-one-fits", "a small second series", together(series(), other(n=3)), notices=("PS-W20",)),
    DicomRow("20-index", "chosen by index", together(series(), other()), choice={"series": 1}),
    DicomRow("20-text", "chosen by index as text", together(series(), other()), choice={"series": "1"}),
    DicomRow("20-uid", "chosen by UID", together(series(), other()), choice={"series": uid("series")}),
    DicomRow("20-wrong", "a choice that is not there", together(series(), other()), "PS-A120",
             r"no series 3 here; there are: 1 \(series 4\).*; 2 \(series 7\)", choice={"series": 3}),
    DicomRow("20-no-number", "two series without number", together(series(SeriesNumber=None), other(SeriesNumber=None)),
             "PS-A20", "1: 40x48x1[06], .*; 2: 40x48x1[06]"),
    DicomRow("20-reformats", "a reformat of the series across it",
             together(series(), other(grid=Grid(n=12, **build.AXIAL), ImageType=["DERIVED", "SECONDARY", "MPR"])),
             "PS-A20", "2 series fit"),
    DicomRow("20-charset", "Japanese names and a kanji with a backslash in it",
             raw_values(lambda _: {"SpecificCharacterSet": ("CS", build.JAPANESE.encode()),
                                   "PatientName": ("PN", b"YAMADA^TARO=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
                                   "SeriesDescription": ("LO", b"\x1b$B\\$\x1b(B")})),
    DicomRow("20-latin", "text of a character set that does not exist", build.unknown_charset),
    DicomRow("21", "a localizer of another matrix", together(series(), stack("loc", Grid(
             n=3, step=9.0, rows=64, columns=64, **build.AXIAL))), notices=("PS-W21",)),
    DicomRow("21-planes", "a localizer of three planes with three images each",
             together(series(), build.three_planes(3)), notices=("PS-W21",)),
    DicomRow("21-many", "a localizer of three planes with five images each",
             together(series(), build.three_planes(5)), notices=("PS-W20",)),
    DicomRow("21-number", "Series Number changes within the series", each(lambda k: {"SeriesNumber": 4 + k // 8})),
    DicomRow("21-protocol", "descriptions change within the series",
             each(lambda k: {"SeriesDescription": f"ZZPHI {k}", "StudyDescription": None})),
    DicomRow("21-spaces", "UIDs padded with spaces in some images",
             raw_values(lambda k: {"SeriesInstanceUID": ("UI", PADDED + (b" " if k % 2 else b"\0\0"))})),
    DicomRow("21-jitter", "orientations that differ in the sixth digit", build.jittered),
    DicomRow("21-noise", "orientations that differ by up to 2e-4, corners by 2 um",
             partial(build.jittered, noise_of=9e-5), slack_mm=2e-3),
    DicomRow("21-digits", "spacing written with other digits",
             each(lambda k: {"PixelSpacing": ["0.3", "0.25"] if k % 2 else ["0.3000000", "2.5e-1"]})),
    DicomRow("21-blanks", "numbers with blanks, signs and zeros", build.blanks),
    DicomRow("21-unknown", "geometry written as values of unknown type",
             raw_values(lambda k: {"ImagePositionPatient": ("UN", build.place_text(k)), "Rows": ("UN", b"\x30\0"),
                                   "PixelSpacing": ("UN", b"0.3\\0.25")})),
    DicomRow("21-both-sides", "both knees in one series", build.both_sides, "PS-A20",
             r"2 series fit; .*1 \(series 4\): 40x48x16, .* mm, at 5 L, .*; 2 \(series 4\): .*, at 1[0-9][0-9] R"),
    DicomRow("21-one-side", "both knees, one chosen", build.both_sides, choice={"series": 1}),
    DicomRow("21-hole", "a hole of twenty slices between four and twelve", build.hole, "PS-A36",
             "20 images missing"),
    DicomRow("21-turning", "a projection that turns", build.turning, "PS-A20", "none of 16 series"),
    DicomRow("22", "a localizer of the same matrix", together(series(), build.localizer()),
             notices=("PS-W21",)),
    DicomRow("22-named", "nine images that the scanner calls a localizer",
             together(series(), build.localizer(9, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
             notices=("PS-W21",)),
    DicomRow("22-between", "a localizer parallel to the slices", together(series(), build.between),
             notices=("PS-W21",)),
    DicomRow("23", "pictures and documents beside the series", together(series(), build.captures), notices=("PS-W21",),
             says="^3 images of the same series are colour, CT or captures"),
    *(
        DicomRow(f"23-last-{name}", "the last slice is no MR image", build.last_foreign(**tags),
                 notices=("PS-W21",), grid=Grid(n=15), says="^1 images of the same series")
        for name, tags in (("rgb", {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
                           ("palette", {"PhotometricInterpretation": "PALETTE COLOR"}),
                           ("ct", build.CT), ("capture", build.CAPTURE))
    ),
    DicomRow("23-only", "pictures and documents only", build.captures, "PS-A04",
             "4 files, 2 colour image, 1 not an MR image .Key Object.*, 1 not an MR image .Secondary Capture"),
    DicomRow("23-objects", "presentation states, masks, spectra, raw data beside", together(series(), build.objects)),
    DicomRow("23-capture", "an MR series saved as screen captures", series(**build.CAPTURE), "PS-A04",
             "16 not an MR image .Secondary Capture"),
    DicomRow("23-modality", "MR images whose Modality says otherwise", series(Modality="OT")),
    DicomRow("23-no-photometric", "no Photometric Interpretation, no Samples per Pixel",
             series(PhotometricInterpretation=None, SamplesPerPixel=None)),
    DicomRow("23-ct", "CT", series(**build.CT), "PS-A04", "16 not an MR image .CT Image Storage"),
    DicomRow("23-any", "CT where it is asked for", series(**build.CT), choice=CT_TOO),
    DicomRow("23-beside-ct", "CT beside the MR series",
             together(series(), other(FrameOfReferenceUID=uid("ct"), **build.CT))),
    DicomRow("24", "MONOCHROME1", series(PhotometricInterpretation="MONOCHROME1"), notices=("PS-W24",)),
    DicomRow("24-small", "Photometric Interpretation in small letters",
             raw_values(lambda _: {"PhotometricInterpretation": ("CS", b"monochrome2 ")})),
    DicomRow("24-small-1", "the same of MONOCHROME1",
             raw_values(lambda _: {"PhotometricInterpretation": ("CS", b"Monochrome1 ")}), notices=("PS-W24",)),
    DicomRow("24-stored", "as stored, asked for", series(PhotometricInterpretation="MONOCHROME1"),
             notices=("PS-W24",), choice=monochrome1("stored")),
    DicomRow("24-mixed", "some images are MONOCHROME1", some(3, 9, PhotometricInterpretation="MONOCHROME1"),
             "PS-A138", "2 of 16 images are MONOCHROME1, the others MONOCHROME2: say with --monochrome1"),
    DicomRow("24-mixed-stored", "some are, taken as stored", some(3, 9, PhotometricInterpretation="MONOCHROME1"),
             notices=("PS-W24",), choice=monochrome1("stored")),
    DicomRow("25", "two echoes", repeated(EchoTime=["3.1", "9.3"], EchoNumbers=[1, 2]), "PS-A25",
             "echo 1: 3.1 ms, 16 slices; echo 2: 9.3 ms, 16 slices"),
    DicomRow("25-first", "the first chosen", repeated(EchoTime=["3.1", "9.3"], EchoNumbers=[1, 2]), choice={"echo": 1}),
    DicomRow("25-second", "the second chosen", repeated(EchoTime=["3.1", "9.3"], EchoNumbers=[1, 2]),
             choice={"echo": 2}, extra=500),
    DicomRow("25-third", "a third that is not there", repeated(EchoTime=["3.1", "9.3"], EchoNumbers=[1, 2]),
             "PS-A120", "no echo 3 here.*echo 2", choice={"echo": 3}),
    DicomRow("25-phase", "a phase that is not there", repeated(EchoTime=["3.1", "9.3"], EchoNumbers=[1, 2]),
             "PS-A120", "no phase 2 here", choice={"echo": 1, "phase": 2}),
    DicomRow("25-no-number", "no Echo Number", repeated(EchoTime=["9.3", "3.1"], EchoNumbers=[None, None]), "PS-A25",
             "echo 1: 3.1 ms, 16 slices; echo 2: 9.3 ms"),
    DicomRow("25-by-time", "chosen by the order of times", repeated(EchoTime=["9.3", "3.1"], EchoNumbers=[None, None]),
             choice={"echo": 1}, extra=500),
    DicomRow("25-no-time", "no Echo Time", repeated(EchoTime=[None, None], EchoNumbers=[1, 2]), "PS-A25",
             "echo 1: no echo time, 16 slices; echo 2"),
    DicomRow("25-rounded", "one echo time in several roundings",
             each(lambda k: {"EchoTime": ("4.4", "4.40001", "4.399999")[k % 3]})),
    DicomRow("25-missing", "Echo Time is missing in some images", some(2, 5, EchoTime=None)),
    DicomRow("25-stray", "a localizer along the slices with another echo time",
             together(series(), stack("loc", Grid(n=3, step=4.0, origin=build.HALF_WAY), EchoTime="2")),
             notices=("PS-W21",)),
    DicomRow("25-one-slice", "one slice with another echo time", some(6, EchoTime="9"), "PS-A36",
             "1 image missing; im0006 lies there, but its echo differs"),
    DicomRow("25-last-slice", "the last slice with another echo time", some(16, EchoTime="9"), "PS-A45",
             "im0016 continues the stack, but its echo differs"),
    DicomRow("25-empty", "Echo Number 0 in some images", each(lambda k: {"EchoNumbers": k % 2})),
    DicomRow("26", "two time points", repeated(TemporalPositionIdentifier=[1, 2]), "PS-A26",
             "phase 1: temporal position 1, 16 slices; phase 2: temporal pos"),
    DicomRow("26-first", "the first chosen", repeated(TemporalPositionIdentifier=[1, 2]), choice={"phase": 1}),
    DicomRow("26-second", "the second chosen", repeated(TemporalPositionIdentifier=[1, 2]), choice={"phase": 2},
             extra=500),
    DicomRow("26-acquisition", "two acquisitions", repeated(AcquisitionNumber=[1, 2]), "PS-A26", "acquisition 2, 16"),
    DicomRow("26-trigger", "two trigger times", repeated(TriggerTime=["0", "120"]), "PS-A26", "trigger time 120, 16"),
    DicomRow("26-b-value", "two b-values", repeated(DiffusionBValue=[0.0, 800.0]), "PS-A26", "b-value 800, 16"),
    DicomRow("26-flip", "two flip angles", repeated(FlipAngle=["5", "30"]), "PS-A26", "flip angle 30, 16"),
    DicomRow("26-contrasts", "the same with both flip angles written",
             together(series(FlipAngle="10"), stack("b", Grid(origin=build.HALF_WAY), FlipAngle="70")), "PS-A26",
             "the series holds 2 phases; .* phase 1: flip angle 10, 16 slices; phase 2: flip angle 70, 16 slices"),
    DicomRow("26-contrast", "the first of them chosen", choice={"phase": 1},
             build=together(series(FlipAngle="10"), stack("b", Grid(origin=build.HALF_WAY), FlipAngle="70"))),
    DicomRow("26-angle", "a flip angle that is wrong in two images", some(3, 9, FlipAngle="8")),
    DicomRow("26-inversion", "two inversion times", repeated(InversionTime=["100", "900"]), "PS-A26", "inversion time"),
    DicomRow("26-number", "two series merged under one UID", repeated(SeriesNumber=[5, 6]), "PS-A26",
             "phase 1: series number 5, 16 slices; phase 2: series number 6"),
    DicomRow("26-near", "two acquisitions 2 um apart",
             together(series(), stack("b", Grid(origin=build.moved(0.002)), AcquisitionNumber=2)), "PS-A26",
             "phase 1: acquisition 1, 16 slices; phase 2: acquisition 2, 16"),
    DicomRow("30-near", "two images 2 um apart that nothing tells apart",
             together(series(), stack("b", Grid(origin=build.moved(0.002)), StationName="ZZPHI")), "PS-A30",
             "16 positions hold several"),
    DicomRow("26-counted", "two time points, acquisitions counted image by image", build.counted_phases, "PS-A26",
             "phase 1: temporal position 1, 16 slices; phase 2"),
    DicomRow("26-ranked", "two heart phases, each image with a trigger time of its own",
             build.phases_by(lambda k, c: {"TriggerTime": str(40 * k + 700 * c)}), "PS-A26",
             "phase 1: trigger time 1 at each position, 16 slices; phase 2: trigger time 2 at each position, 16"),
    DicomRow("26-ranked-second", "the second chosen",
             build.phases_by(lambda k, c: {"TriggerTime": str(40 * k + 700 * c)}), choice={"phase": 2}, extra=500),
    DicomRow("26-b0", "b-value 0 is not written",
             build.phases_by(lambda _, c: {"DiffusionBValue": 800.0} if c else {}),
             "PS-A26", "phase 1: b-value missing, 16 slices; phase 2: b-value 800"),
    DicomRow("26-stopped", "a second time point that was broken off",
             build.phases_by(lambda k, c: {"TemporalPositionIdentifier": c + 1} if k < 5 or not c else None), "PS-A26",
             "phase 1: temporal position 1, 16 slices; phase 2: temporal position 2, 5 slices"),
    DicomRow("26-per-slice", "acquisition, trigger and temporal numbers that grow with the slice",
             each(lambda k: {"AcquisitionNumber": k + 1, "TriggerTime": str(40 * k), "TemporalPositionIdentifier": k})),
    DicomRow("26-packages", "slices acquired in two packages", each(lambda k: {"AcquisitionNumber": k % 2 + 1})),
    DicomRow("26-sent-again", "a slice sent again under other numbers", build.sent_again,
             notices=("PS-W28",)),
    DicomRow("26-normalised", "NORM in the type of some images",
             each(lambda k: {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", *(["NORM"] if k % 3 else [])]})),
    DicomRow("26-normalised-half", "NORM in the type of every second image",
             each(lambda k: {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", *(["NORM"] if k % 2 else [])]})),
    *(
        DicomRow(f"26-digits-{name}", "a contrast with other last digits by turns",
                 each(lambda k, tag=tag, value=value: {tag: f"{value}.0001" if k % 2 else f"{value}"}))
        for name, tag, value in (("flip", "FlipAngle", 12), ("inversion", "InversionTime", 150))
    ),
    DicomRow("26-jitter", "eight time points, positions that differ by micrometres", build.jittered_phases, "PS-A26",
             "the series holds 8 phases"),
    DicomRow("26-jitter-first", "the first of them chosen", build.jittered_phases, choice={"phase": 1}, slack_mm=0.02),
    DicomRow("26-rounded", "repetition times with other last digits by turns",
             each(lambda k: {"RepetitionTime": "13" if k % 2 else "13.0001"})),
    DicomRow("27", "magnitude and phase", repeated(ImageType=build.kinds("M", "P")), notices=("PS-W21",)),
    DicomRow("27-four", "magnitude, phase, real and imaginary", repeated(ImageType=build.kinds("M", "P", "R", "I")),
             notices=("PS-W21",)),
    DicomRow("27-philips", "the words of another vendor",
             repeated(ImageType=build.kinds("M_FFE", "PHASE MAP", "R_FFE", "I_FFE")), notices=("PS-W21",)),
    DicomRow("27-dixon", "Dixon", repeated(ImageType=build.DIXON), "PS-A26",
             "phase 1: kind DIXON/FAT, 16 slices; phase 2: kind DIXON/IN_PHASE, .*phase 4: kind DIXON/WATER, 16"),
    DicomRow("27-water", "Dixon water chosen", repeated(ImageType=build.DIXON), choice={"phase": 4},
             notices=("PS-W33",)),
    DicomRow("27-phase-only", "phase images alone", series(ImageType=["ORIGINAL", "PRIMARY", "P", "ND"]),
             notices=("PS-W27",)),
    DicomRow("27-one", "one phase image among the magnitudes", some(6, ImageType=["ORIGINAL", "PRIMARY", "P", "ND"]),
             notices=("PS-W27",), says="^1 of 16 images are phase"),
    DicomRow("27-half", "magnitude and phase half a step apart",
             half_way({}, {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}), notices=("PS-W21",)),
    DicomRow("27-half-water", "water and fat half a step apart",
             half_way({"ImageType": ["DERIVED", "PRIMARY", "W"]}, {"ImageType": ["DERIVED", "PRIMARY", "F"]}),
             "PS-A26", "phase 1: kind F, 16 slices; phase 2: kind W, 16 slices"),
    DicomRow("26-half-time", "two time points half a step apart",
             half_way({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
             "PS-A26", "temporal position 1, 16 slices; phase 2"),
    DicomRow("26-half-number", "two series half a step apart under one UID",
             half_way({"SeriesNumber": 4}, {"SeriesNumber": 5}), "PS-A26", "series number 4, 16 slices; phase 2"),
    DicomRow("26-half-repetition", "two weightings half a step apart",
             half_way({}, {"RepetitionTime": "3000"}), "PS-A26", "repetition time 13, 16 slices; phase 2"),
    DicomRow("26-half-acquisition", "two acquisitions of other things half a step apart",
             build.laced(AcquisitionNumber=2), "PS-A26",
             "phase 1: acquisition 1, 16 slices; phase 2: acquisition 2, 16 slices"),
    DicomRow("26-half-first", "the first of them chosen", build.laced(AcquisitionNumber=2), choice={"phase": 1}),
    DicomRow("26-half-trigger", "two heart phases half a step apart, the first chosen", choice={"phase": 1},
             build=lambda f: (build.laced(TriggerTime="700")(f), write_series(f, TriggerTime="40"))),
    DicomRow("26-half-untold", "two volumes half a step apart that nothing but grey values tells apart", build.laced(),
             notices=("PS-W26",), says="of 2 volumes between each other's slices: look at it", grid=None),
    DicomRow("26-half-sequence", "spin and gradient echo half a step apart",
             half_way({"ScanningSequence": "GR"}, {"ScanningSequence": "SE"}), "PS-A26",
             "scanning sequence GR, 16 slices; phase 2: scanning sequence SE"),
    DicomRow("32-half", "two weightings half a step apart, a Series Instance UID in each image",
             lambda f: write_series(f, lambda k, _: [image(GRID, k + h, SeriesInstanceUID=uid("s", k, h),
                                                           RepetitionTime=str(13 + 5000 * h)) for h in (0, 0.5)]),
             "PS-A26", "repetition time 2513, 16 slices"),
    DicomRow("28", "one UID, two contents", together(series(), same_place(5, 6)), "PS-A28",
             "im0006 and other|other and im0006"),
    DicomRow("28-copies", "files copied by hand", together(series(), build.copies), notices=("PS-W28",)),
    DicomRow("28-rounded", "copies with rounded positions", build.rounded_copies, notices=("PS-W28",)),
    DicomRow("28-twice", "the whole series exported twice, into two folders",
             together(lambda f: write_series(f / "a"), lambda f: write_series(f / "b")), notices=("PS-W28",)),
    DicomRow("28-compressed", "each image also compressed", together(series(), build.compressed_copies),
             notices=("PS-W28",)),
    DicomRow("28-one-for-all", "one SOP Instance UID for all images", build.same_uid_everywhere, "PS-A28",
             "share one SOP Instance UID"),
    DicomRow("28-no-uid", "no SOP Instance UID",
             build.without_instance),
    DicomRow("28-numbers", "Instance Numbers that stand twice", each(lambda k: {"InstanceNumber": k // 2 + 1})),
    DicomRow("28-zero", "Instance Numbers from 0", each(lambda k: {"InstanceNumber": k})),
    DicomRow("28-one", "one Instance Number for all", series(InstanceNumber=1)),
    DicomRow("29", "one place, the same pixels, another UID",
             together(series(), same_place(5, 5, SOPInstanceUID=uid("sent twice"))), notices=("PS-W28",)),
    DicomRow("29-all", "the whole series under other UIDs again",
             together(series(), stack("copy", GRID, StationName="ZZPHI")), notices=("PS-W28",)),
    DicomRow("29-renumbered", "the whole series again with another acquisition number",
             together(series(), stack("copy", GRID, AcquisitionNumber=2)), notices=("PS-W28",)),
    DicomRow("30", "one place, other pixels", together(series(), same_place(5, 6, SOPInstanceUID=uid("other"))),
             "PS-A30", "1 positions hold several different images, first .* at position 6: remove"),
    DicomRow("30-all", "two images at each place that nothing tells apart", repeated(AcquisitionNumber=[1, 1]),
             "PS-A30", "16 positions hold several"),
    DicomRow("31", "two patients under one UID", together(series(), stack("other", GRID, PatientID="ZZPHI-2")),
             "PS-A31", "several patients"),
    DicomRow("31-letters", "two patients whose names differ in a letter that is not of ASCII, one behind the other",
             build.two_letters, "PS-A31", "several patients"),
    DicomRow("30-three", "three images at each place that nothing tells apart", repeated(AcquisitionNumber=[1, 1, 1]),
             "PS-A30", "^16 positions hold several"),
    DicomRow("31-study", "two studies under one UID", together(series(), stack(
             "other", GRID, StudyInstanceUID=uid("other"))), "PS-A31", "several patients, studies"),
    DicomRow("31-frame", "one image in another frame of reference", some(16, FrameOfReferenceUID=uid("moved")),
             "PS-A31", "frames of reference"),
    DicomRow("31-localizer", "a localizer across, in another frame of reference",
             together(series(), build.localizer(FrameOfReferenceUID=uid("moved"))), notices=("PS-W21",)),
    DicomRow("31-named", "nine images named localizer, in another frame of reference",
             together(series(), build.localizer(9, FrameOfReferenceUID=uid("moved"),
                                                ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])), notices=("PS-W21",)),
    DicomRow("31-chosen", "two patients, one chosen", together(series(), stack("other", GRID, PatientID="ZZPHI-2")),
             choice={"series": 1}),
    DicomRow("31-two-exams", "two patients with series of their own",
             together(series(), other(PatientID="ZZPHI-2", StudyInstanceUID=uid("s2"), FrameOfReferenceUID=uid("f2"))),
             "PS-A20", "2 series fit"),
    DicomRow("31-no-frame", "no Frame of Reference UID", series(FrameOfReferenceUID=None)),
    DicomRow("31-some-frame", "no Frame of Reference UID in some", some(1, 7, FrameOfReferenceUID=None),
             notices=("PS-W31",)),
    DicomRow("31-no-study", "no Study Instance UID", series(StudyInstanceUID=None)),
    DicomRow("31-some-study", "no Study Instance UID in some", some(4, StudyInstanceUID=None), notices=("PS-W31",)),
    DicomRow("31-no-patient", "no Patient ID", series(PatientID=None)),
    DicomRow("31-some-patient", "no Patient ID in some", some(16, PatientID=None), notices=("PS-W31",)),
    DicomRow("31-some-both", "identifiers missing by turns",
             each(lambda k: [{}, {"PatientID": None}, {"StudyInstanceUID": None}][k % 3]), notices=("PS-W31",)),
    DicomRow("32", "no Series Instance UID", series(SeriesInstanceUID=None), notices=("PS-W32",)),
    DicomRow("32-two", "two series without UID",
             together(series(SeriesInstanceUID=None), other(SeriesInstanceUID=None)), "PS-A20", "2 series fit"),
    DicomRow("32-zeros", "Series Number 4 and 04, no Series Instance UID", build.numbers_written_twice,
             notices=("PS-W32",)),
    DicomRow("32-some", "no Series Instance UID in some", some(3, 16, SeriesInstanceUID=None), notices=("PS-W31",)),
    DicomRow("32-many", "another Series Instance UID in each image",
             each(lambda k: {"SeriesInstanceUID": uid("series", k)}), notices=("PS-W32",)),
    DicomRow("33", "a reformat", series(ImageType=["DERIVED", "SECONDARY", "M", "MPR"]), notices=("PS-W33",)),
    DicomRow("33-no-type", "no Image Type", series(ImageType=None)),
    DicomRow("33-lower", "Image Type in small letters", raw_values(
             lambda _: {"ImageType": ("CS", b"derived\\secondary\\m ")}), notices=("PS-W33",)),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: DicomRow, tmp_path: Path) -> None:
    seen = check(row, tmp_path / "exam")
    if isinstance(seen, PedsegError) or row.grid is None:
        return
    wanted = np.stack([row.grid.plane(k).T for k in range(row.grid.n)], axis=-1)
    np.testing.assert_array_equal(seen.array - row.extra, wanted)


ODDITIES: dict[str, Callable[[int, Dataset], object]] = {
    "no study": lambda _, ds: ds.pop("StudyInstanceUID", None),
    "no patient": lambda _, ds: ds.pop("PatientID", None),
    "no frame of reference": lambda _, ds: ds.pop("FrameOfReferenceUID", None),
    "no echo time": lambda _, ds: ds.pop("EchoTime", None),
    "no type": lambda _, ds: ds.pop("ImageType", None),
    "rounded echo time": lambda _, ds: setattr(ds, "EchoTime", "4.40001"),
    "normalised": lambda _, ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]),
    "series number": lambda k, ds: setattr(ds, "SeriesNumber", 100 + k // 6),
    "acquisition": lambda k, ds: setattr(ds, "AcquisitionNumber", k % 5),
    "trigger": lambda k, ds: setattr(ds, "TriggerTime", str(70 - k)),
    "instance": lambda _, ds: setattr(ds, "InstanceNumber", 3),
    "thickness": lambda _, ds: setattr(ds, "SliceThickness", "-9"),
    "blanks": lambda k, ds: raw(ds, "ImagePositionPatient", "DS", b" " + build.place_text(k) + b" "),
    "padded": lambda _, ds: raw(ds, "SeriesInstanceUID", "UI", PADDED + b"   \0"),
    "big endian": lambda _, ds: compressed(ExplicitVRBigEndian, ds),
    "implicit": lambda _, ds: compressed(ImplicitVRLittleEndian, ds),
    "jpeg-ls": lambda _, ds: compressed(JPEGLSLossless, ds),
    "rle": lambda _, ds: compressed(RLELossless, ds),
}


BESIDE: dict[str, Callable[[Path], object]] = {
    "broken download": lambda f: (f / "x.part").write_bytes((f / "im0005").read_bytes()[:-200]),
    "captures": build.captures,
    "copies": build.copies,
    "localizer": build.localizer(),
    "localizer between": build.between,
    "objects": build.objects,
    "other series": other(n=4),
    "planes": build.three_planes(3),
    "zeros": lambda f: (f / "zeros").write_bytes(bytes(3000)),
}


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.sampled_from(sorted(ODDITIES)), max_size=4, unique=True), min_size=16, max_size=16),
    st.lists(st.sampled_from(sorted(BESIDE)), max_size=3, unique=True),
)
def test_21_any_mix_of_oddities_is_one_volume(oddities: list[list[str]], beside: list[str]) -> None:
    """Each image is odd in ways of its own, none may be whole, and other things lie beside them."""
    with tempfile.TemporaryDirectory() as folder:
        for k, chosen in enumerate(oddities):
            ds = image(GRID, k)
            for name in sorted(chosen, key=list(ODDITIES).index)[: 1 if coded(chosen) > 1 else None]:
                ODDITIES[name](k, ds)
            save(ds, Path(folder) / f"im{k + 1:04d}")
        for name in beside:
            BESIDE[name](Path(folder))
        volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, np.stack([GRID.plane(k).T for k in range(GRID.n)], axis=-1))
    np.testing.assert_allclose(volume.affine, GRID.ras, atol=1e-6)


def coded(names: list[str]) -> int:
    """How many of the oddities are transfer syntaxes: an image has one."""
    return len({"big endian", "implicit", "jpeg-ls", "rle"} & set(names))


def test_24_inverted_grey_is_what_a_viewer_shows(tmp_path: Path) -> None:
    """12 of 16 bits, slope and intercept; highdicom with and without its presentation."""
    tags = {"BitsStored": 14, "HighBit": 13, "RescaleSlope": "2", "RescaleIntercept": "-7"}
    write_series(tmp_path, lambda _, ds: halved(ds), PhotometricInterpretation="MONOCHROME1", **tags)
    images = [dcmread(path) for path in tmp_path.iterdir()]
    stored = read_volume(tmp_path, options=ReadOptions(monochrome1="stored"))
    inverted = read_volume(tmp_path, options=ReadOptions(monochrome1="inverted"))
    same_voxels(stored.array, hd.get_volume_from_series(images, apply_presentation_lut=False), stored.affine)
    np.testing.assert_array_equal(inverted.array, (2**14 - 1 - (stored.array + 7) / 2) * 2 - 7)
    assert [n.text for n in inverted.notices] == ["16 images are MONOCHROME1: grey values were inverted"]


def halved(ds):
    """Grey values that fit 14 bits."""
    ds.PixelData = (np.frombuffer(ds.PixelData, "<u2") // 4).tobytes()
    return ds


def same_voxels(array: np.ndarray, theirs: hd.Volume, affine: np.ndarray) -> None:
    """Voxel by voxel, whatever the order of the axes."""
    order = np.rint(np.linalg.inv(np.diag([-1, -1, 1, 1]) @ affine) @ theirs.affine)
    index = np.argwhere(np.ones(theirs.array.shape, bool))
    i, j, k = (index @ order[:3, :3].T + order[:3, 3]).astype(int).T
    np.testing.assert_array_equal(array[i, j, k], theirs.array.reshape(-1))


@pytest.mark.parametrize("signed", [False, True])
def test_24_inversion_by_hand(signed: bool, tmp_path: Path) -> None:
    """The least stored value becomes the greatest and the other way round."""
    low, high = (-2048, 2047) if signed else (0, 4095)

    def change(k, ds):
        words = np.zeros((48, 40), "<i2")
        words[0, 0], words[0, 1], words[0, 2] = low, high, 100
        ds.PixelData = words.tobytes()
        return ds

    tags = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": int(signed)}
    write_series(tmp_path, change, PhotometricInterpretation="MONOCHROME1", **tags)
    volume = read_volume(tmp_path, options=ReadOptions(monochrome1="inverted"))
    assert volume.array[:3, 0, 0].tolist() == [high, low, low + high - 100]


def test_24_a_lookup_table_cannot_be_inverted(tmp_path: Path) -> None:
    def change(_k, ds):
        table = Dataset()
        table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [2, 0, 16], "US", [5, 6]
        table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
        ds.ModalityLUTSequence = [table]
        ds.PixelData = (np.arange(48 * 40) % 2).astype("<u2").tobytes()
        return ds

    write_series(tmp_path, change, PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(InputError, match=r"PS-A138: im0001: a Modality LUT .* take them stored"):
        read_volume(tmp_path, options=ReadOptions(monochrome1="inverted"))
    assert set(np.unique(read_volume(tmp_path).array)) == {5, 6}


def test_20_no_list_shows_a_description(tmp_path: Path) -> None:
    """Every text of the series holds ZZPHI; a list names number, matrix and spacing only."""
    together(series(), other())(tmp_path)
    found = discover(tmp_path)
    assert "ZZPHI" not in repr(found) + "".join(s.line() for s in found.series)
    assert uid("series") not in repr(found)


def test_20_every_line_of_a_list_can_be_chosen(tmp_path: Path) -> None:
    """44 series: the list stops at 40 and says how many more there are."""
    for n in range(44):
        write_series(tmp_path / str(n), grid=Grid(rows=4, columns=4, n=8), SeriesInstanceUID=uid(n), SeriesNumber=n)
    with pytest.raises(InputError, match=r"44 series fit; .*40 \(series 39\): [^;]*; and 4 more$"):
        read_volume(tmp_path)
    assert read_volume(tmp_path, series=44).facts["series_number"] == 43


def test_28_order_of_files_decides_nothing(tmp_path: Path) -> None:
    """Images that lack identifiers, copies and localizers: 20 orders of file names, one result."""
    together(some(4, 9, StudyInstanceUID=None), build.copies, build.localizer())(tmp_path)
    first = read_volume(tmp_path)
    rng = np.random.default_rng(6)
    for _ in range(20):
        for path in sorted(tmp_path.iterdir()):
            path.rename(tmp_path / f"{rng.integers(1 << 60):x}")
        again = read_volume(tmp_path)
        np.testing.assert_array_equal(again.array, first.array)
        np.testing.assert_array_equal(again.affine, first.affine)
        assert (again.facts, again.notices) == (first.facts, first.notices)
    assert place_error_mm(first) < 0.02


def test_30_a_place_is_told_with_its_files(tmp_path: Path) -> None:
    write_series(tmp_path)
    ds = image(GRID, 5, SOPInstanceUID=uid("other"), PixelData=image(GRID, 6).PixelData)
    save(ds, tmp_path / "second")
    with pytest.raises(PedsegError, match=r"first (im0006 and second|second and im0006) at position 6"):
        read_volume(tmp_path)
