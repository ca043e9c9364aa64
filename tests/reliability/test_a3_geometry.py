"""Section A3 of the fault catalogue, rows 34 to 60: where the slices lie."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import enhanced_faults as en
import geometry_deeds as deeds
import geometry_faults as geo
import numpy as np
import pytest
from dicom_rows import Deed, DicomRow, check
from geometry_faults import along, moved, one_raw, only, orientation, series, skewed, some, turned, without
from mr_series import GRID, Grid

from pedseg.dicom import ReadOptions

BUT_FIRST = Grid(n=15, origin=tuple(GRID.lps @ [0, 0, 1, 1])[:3])
BUT_LAST = replace(GRID, n=15)
THICK = replace(GRID, step=3.0)
WIDE = Grid(row_spacing=8.0, column_spacing=9.0, step=3.0, origin=(11.0, -23.0, 400.0))
OBLIQUE = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.3, 0.8, 0.2], [0.1, -0.4, 0.9]]))[0]
LONG = Grid(n=128, along_row=tuple(OBLIQUE[:, 0]), along_column=tuple(OBLIQUE[:, 1]), origin=(11.0, -23.0, 97.0))
LAST = (GRID.n - 1,)
W21, W37, W38, W41 = ("PS-W21",), ("PS-W37",), ("PS-W38",), ("PS-W41",)
W43, W44, W45 = ("PS-W43",), ("PS-W44",), ("PS-W45",)


ORDER = (
    DicomRow("34", "shuffled names, Instance Number against the positions", geo.shuffled),
    DicomRow("34-reversed", "Instance Number reversed", geo.counted(lambda k: GRID.n - k)),
    Deed("34-permutations", "a hundred orders of names", deeds.a_hundred_orders),
    Deed("34-folder", "files copied last to first", deeds.written_in_reverse),
    DicomRow("35", "Instance Number random", geo.random_numbers),
    DicomRow("35-missing", "Instance Number missing", series(InstanceNumber=None)),
    DicomRow("35-equal", "Instance Number 1 throughout", series(InstanceNumber=1)),
    DicomRow("35-interleaved", "odd slices acquired first, numbered as acquired", geo.interleaved),
    DicomRow(
        "35-text",
        "Instance Number no number",
        geo.series(lambda _, ds: geo.raw(ds, "InstanceNumber", "LO", b"one ")),
    ),
    DicomRow("35-halves", "even and odd slices numbered apart", geo.in_halves),
    DicomRow("35-acquisitions", "every slice an acquisition of its own", geo.own_acquisitions),
)
GAPS = (
    DicomRow(
        "36",
        "one slice missing",
        without(7),
        "PS-A36",
        r"gap of 1\.60 mm \(2\.0 x 0\.80\) between slice 7 and 8 of 15: 1 image missing",
    ),
    DicomRow(
        "36-three",
        "three slices missing",
        without(3, 4, 9),
        "PS-A36",
        r"gap of 2\.40 mm \(3\.0 x 0\.80\) between slice 3 and 4 of 13: 3 images missing",
    ),
    DicomRow("36-two-places", "gaps at two places", without(3, 10), "PS-A36", "3 and 4 of 14: 2 images missing"),
    DicomRow("36-second", "the second slice missing", without(1), "PS-A36", "1 and 2 of 15: 1 image missing"),
    DicomRow(
        "36-half",
        "every second slice of one half",
        without(1, 3, 5),
        "PS-A36",
        "1 and 2 of 13: 3 images missing",
    ),
    DicomRow(
        "36-most",
        "every second slice but at the end",
        without(*range(1, 12, 2)),
        "PS-A38",
        "off the even spacing",
    ),
    DicomRow("36-twice", "one slice twice, another missing", geo.twice_and_missing, "PS-A36", "8 and 9 of 15: 1 image"),
    DicomRow("37", "the first slice missing", without(0), says="2 to 16 for 15", notices=W37, grid=BUT_FIRST),
    DicomRow("37-both", "both ends missing", without(0, 15), says="2 to 15 for 14 images", notices=W37, grid=None),
    DicomRow(
        "37-every-second",
        "every second slice missing: an even stack",
        without(*range(1, 16, 2)),
        says="1 to 15 for 8 images",
        notices=W37,
        grid=replace(GRID, n=8, step=1.6),
    ),
    DicomRow(
        "37-count",
        "Images in Acquisition knows of one more",
        series(grid=BUT_LAST, ImagesInAcquisition=16),
        says="15 images.*speak of 16",
        notices=W37,
        grid=BUT_LAST,
    ),
    DicomRow(
        "37-ge",
        "GE's Locations in Acquisition knows of one more",
        geo.private(0x21, "GEMS_RELA_01", 0x4F, "SS", 17),
        says="16 slices.*speaks of 17",
        notices=W37,
    ),
    DicomRow(
        "37-philips",
        "Philips' Number of Slices knows of one more",
        geo.private(0x2001, "Philips Imaging DD 001", 0x18, "SL", 17),
        says="16 slices.*speaks of 17",
        notices=W37,
    ),
    DicomRow("37-other", "another maker's element of that number", geo.private(0x21, "ACME", 0x4F, "SS", 17)),
    DicomRow("37-enough", "the maker's count is right", geo.private(0x21, "GEMS_RELA_01", 0x4F, "SS", 16)),
    DicomRow("37-from-0", "Instance Number from 0", geo.counted(lambda k: k)),
    DicomRow(
        "37-enhanced",
        "the first frame missing",
        en.file_of(numbers=range(1, 16)),
        says="In-Stack Positions 2 to 16 for 15",
        notices=W37,
        grid=BUT_FIRST,
    ),
    DicomRow(
        "37-concatenation",
        "half a concatenation",
        en.half_a_concatenation,
        says="1 files of a concatenation.*speak of 2",
        notices=W37,
        grid=replace(GRID, n=10),
    ),
)
SPACING = (
    DicomRow("38", "one slice 0.3 mm off", moved({7: along(0.3)}), "PS-A38", r"slice 8 of 16 lies 0\.300 mm off"),
    DicomRow("38-back", "one slice 0.3 mm back", moved({7: along(-0.3)}), "PS-A38", "slice 8 of 16"),
    DicomRow("38-sideways", "one slice 0.3 mm sideways", moved({7: (0.0, 0.3, 0.0)}), "PS-A38", "slice 8 of 16"),
    DicomRow("38-last", "the last slice 0.3 mm off", moved({15: along(0.3)}), "PS-A38", "slice 15 of 16"),
    DicomRow("38-growing", "each step 0.02 mm longer", geo.stretched(0.02), "PS-A38", "off the even spacing"),
    DicomRow("38-5%", "0.06 mm off at steps of 0.8 mm", moved({7: along(0.06)}), "PS-A38", "slice 8"),
    DicomRow("38-warned", "0.03 mm off", moved({7: along(0.03)}), says="slice 8", notices=W38, slack_mm=0.03),
    DicomRow(
        "38-thick",
        "0.08 mm off at steps of 3 mm",
        moved({7: along(0.08)}, grid=THICK),
        says=r"slice 8 of 16 lies 0\.080 mm off",
        notices=W38,
        grid=THICK,
        slack_mm=0.08,
    ),
    DicomRow("38-thick-refused", "0.12 mm at 3 mm", moved({7: along(0.12)}, grid=THICK), "PS-A38", "slice 8"),
    DicomRow("38-twice", "acquired again, 0.3 mm farther", geo.two_acquisitions, "PS-A38", "off the even spacing"),
    DicomRow("38-silent", "0.005 mm off", geo.jitter(0.005), slack_mm=0.01),
    DicomRow("38-digits", "positions of one digit behind the point", geo.rounded(1), "PS-A38", "off the even spacing"),
    DicomRow("38-two-digits", "positions of two digits behind the point", geo.rounded(2), slack_mm=0.01),
    DicomRow("39", "positions 1 um off", geo.jitter(1e-6), slack_mm=2e-6),
    DicomRow("39-signs", "signs, exponents and spaces in numbers", geo.odd_digits, slack_mm=1e-6),
    DicomRow("39-digits", "more than 16 characters a number", geo.many_digits),
    DicomRow("39-long", "128 double-oblique slices in 16 characters a number", series(grid=LONG), grid=LONG),
    DicomRow("40", "two slices", only(2), "PS-A40", "localizer-like: 2 slices, a volume needs 4"),
    DicomRow("40-one", "one slice", only(1), "PS-A40", "localizer-like: 1 slices"),
    DicomRow("40-three", "three slices", only(3), "PS-A40", "localizer-like: 3 slices"),
    DicomRow(
        "40-allowed",
        "three slices, and no more wanted",
        only(3),
        choice={"options": ReadOptions(min_slices=3)},
        grid=replace(GRID, n=3),
    ),
    DicomRow(
        "40-one-place",
        "16 images at one place",
        some(range(16), ImagePositionPatient=["1", "2", "3"]),
        "PS-A40",
        "",
    ),
    DicomRow("40-spun", "a localizer's spokes", geo.spun, "PS-A20", "none of 16 series has a volume's 8 slices"),
)
DIRECTIONS = (
    DicomRow("41", "shear of 14 degrees", series(grid=geo.sheared(16, 14)), notices=W41, grid=geo.sheared(16, 14)),
    Deed("41-nifti", "shear of 14 degrees in a file", deeds.shear_in_nifti),
    DicomRow(
        "42",
        "2.15 degrees: 1.9 mm at slice 64",
        series(grid=geo.sheared(64, 2.15)),
        notices=W41,
        grid=geo.sheared(64, 2.15),
    ),
    DicomRow(
        "42-small",
        "0.05 degrees: 0.04 mm at slice 64",
        series(grid=geo.sheared(64, 0.05)),
        grid=geo.sheared(64, 0.05),
    ),
    DicomRow(
        "42-long",
        "0.05 degrees: 0.11 mm at slice 160",
        series(grid=geo.sheared(160, 0.05)),
        notices=W41,
        grid=geo.sheared(160, 0.05),
    ),
    DicomRow("43", "rows and columns 87 degrees apart", series(grid=skewed(0.05)), "PS-A43", "87.13 degrees apart"),
    DicomRow(
        "43-parallel",
        "rows along columns",
        series(ImageOrientationPatient=orientation((0, 1, 0), (0, 1, 0))),
        "PS-A43",
        "0.00 degrees",
    ),
    DicomRow(
        "43-warned",
        "a cosine of 5e-4",
        series(grid=skewed(5e-4)),
        says="89.97 degrees",
        notices=W43,
        grid=skewed(5e-4),
    ),
    DicomRow("43-silent", "a cosine of 5e-5", series(grid=skewed(5e-5)), grid=skewed(5e-5)),
    DicomRow("44", "directions 1 % too long", geo.scaled_orientation(1.01), says="1.00 % off", notices=W44),
    DicomRow("44-short", "directions 1 % too short", geo.scaled_orientation(0.99), says="1.00 % off", notices=W44),
    DicomRow(
        "44-refused",
        "directions 3 % too long",
        geo.scaled_orientation(1.03),
        "PS-A44",
        "lengths 1.0300 and 1.0300",
    ),
    DicomRow(
        "44-zero",
        "directions of no length",
        series(ImageOrientationPatient=["0"] * 6),
        "PS-A44",
        "lengths 0.0000",
    ),
    DicomRow("44-digits", "directions of three digits", geo.few_digits(3), says="off", notices=W44, slack_mm=0.01),
    DicomRow("44-six", "directions of six digits", geo.few_digits(6), slack_mm=1e-4),
    DicomRow("44-one", "one slice 1 % too long", geo.one_too_long, "PS-A36", "1 image missing"),
    DicomRow("44-silent", "directions 5e-5 too long", geo.scaled_orientation(1.00005)),
)
ODD_SLICES = (
    DicomRow("45", "a slice turned", some([7], ImageOrientationPatient=turned(0.2)), "PS-A36", "1 image missing"),
    DicomRow(
        "45-last",
        "the last turned",
        some(LAST, ImageOrientationPatient=turned(0.2)),
        "PS-A45",
        "im0016 continues",
    ),
    DicomRow(
        "45-first",
        "the first turned",
        some([0], ImageOrientationPatient=turned(0.2)),
        "PS-A45",
        "im0001 continues",
    ),
    DicomRow(
        "45-middle",
        "the last turned about its middle",
        geo.turned_about_its_middle,
        "PS-A45",
        "im0016 continues",
    ),
    DicomRow(
        "45-five",
        "the last five turned",
        some(range(11, 16), ImageOrientationPatient=turned(0.2)),
        "PS-A45",
        "im0012",
    ),
    DicomRow("45-flipped", "every second upside down: two stacks", geo.flipped_alternately, "PS-A20", "2 series fit"),
    DicomRow(
        "45-slight",
        "a slice turned by 9e-5 in a field of 380 mm",
        some([7], grid=WIDE, ImageOrientationPatient=turned(9e-5)),
        says=r"slice 8 of 16 is turned or scaled .* 0\.03\d mm off",
        notices=W45,
        grid=WIDE,
        slack_mm=0.04,
    ),
    DicomRow(
        "45-silent",
        "the same in a field of 12 mm",
        some([7], ImageOrientationPatient=turned(9e-5)),
        slack_mm=1e-3,
    ),
    DicomRow("46", "no position", series(ImagePositionPatient=None), "PS-A46", "im0001 has no Image Position"),
    DicomRow("46-empty", "positions empty", series(ImagePositionPatient=""), "PS-A46", "im0001 has no Image Position"),
    DicomRow("46-nested", "a place in sequences only", geo.nested(geo.without_place), "PS-A46", "im0001 has no Image"),
    DicomRow("46-retired", "the retired Image Position", series(geo.old_position), "PS-A46", "im0001 has no Image Pos"),
    DicomRow(
        "46-two",
        "two positions in each file",
        geo.place_twice(5.0),
        "PS-A121",
        "im0001 holds two values of Image Position Patient: export it again",
    ),
    DicomRow("46-twice", "the same position twice in each file", geo.place_twice(0.0)),
    DicomRow(
        "47",
        "no position in one",
        some([4], ImagePositionPatient=None),
        "PS-A46",
        "im0005 has no Image Position",
    ),
    DicomRow("48", "no orientation", series(ImageOrientationPatient=None), "PS-A48", "im0001 has no Image Orientation"),
    DicomRow("48-one", "none in one", some([4], ImageOrientationPatient=None), "PS-A48", "im0005 has no Image Orient"),
    DicomRow(
        "49",
        "no spacing",
        series(PixelSpacing=None, ImagerPixelSpacing=["1", "1"]),
        "PS-A49",
        "no Pixel Spacing",
    ),
    DicomRow("49-one", "none in one", some([4], PixelSpacing=None), "PS-A49", "im0005 has no Pixel Spacing"),
    DicomRow(
        "50",
        "one slice wider",
        some([7], PixelSpacing=["0.3", "0.26"]),
        "PS-A36",
        "1 image missing; im0008 lies there, but its orientation, spacing or matrix differs; export the whole series",
    ),
    DicomRow("50-first", "the first wider", some([0], PixelSpacing=["0.3", "0.26"]), "PS-A45", "im0001 continues"),
    DicomRow(
        "50-rounded",
        "spacing printed with four digits in half of the slices",
        some(range(8), PixelSpacing=["0.30004", "0.25"]),
        slack_mm=2e-3,
    ),
    *(
        DicomRow(
            f"51-{n}-{tag}",
            "fewer pixels in the header than there are",
            series(**{tag: n}),
            "PS-A121",
            r"im0001 holds 3840 pixel bytes, \d+ make the .* image of its header",
        )
        for tag, n in (("Rows", 24), ("Rows", 47), ("Columns", 39))
    ),
    DicomRow("51", "one slice of another matrix", some([7], Rows=24, Columns=80), "PS-A36", "1 image missing"),
    DicomRow("51-last", "the last of another matrix", some(LAST, Rows=24, Columns=80), "PS-A45", "im0016 continues"),
    DicomRow(
        "52",
        "NaN",
        one_raw("ImagePositionPatient", rb"nan\1\2"),
        "PS-A52",
        "im0005: Image Posi.*3 finite numbers",
    ),
    DicomRow("52-two", "two numbers of three", one_raw("ImagePositionPatient", rb"1\2"), "PS-A52", "3 finite numbers"),
    DicomRow("52-text", "text", one_raw("ImagePositionPatient", rb"1\2\near"), "PS-A52", "3 finite numbers"),
    DicomRow(
        "52-far",
        "a position of 1e7 mm",
        one_raw("ImagePositionPatient", rb"1\2\1e7 "),
        "PS-A52",
        "more than 100 m",
    ),
    DicomRow("52-huge", "too large for a float", one_raw("ImagePositionPatient", rb"1\2\1e999"), "PS-A52", "3 finite"),
    DicomRow("52-inf", "infinite", one_raw("ImageOrientationPatient", rb"0\1\0\0\0\inf "), "PS-A52", "6 finite"),
    DicomRow("52-comma", "decimal commas", one_raw("PixelSpacing", rb"0,3\0,25"), "PS-A52", "im0005: Pixel Spacing"),
    DicomRow("52-zero", "0", one_raw("PixelSpacing", rb"0\0.25"), "PS-A52", "must lie in"),
    DicomRow("52-negative", "below 0", one_raw("PixelSpacing", rb"-.3\0.25"), "PS-A52", "must lie in"),
    DicomRow(
        "52-underscore",
        "Python's own digits",
        one_raw("PixelSpacing", rb"1_0\0.25"),
        "PS-A52",
        "2 finite numbers",
    ),
    DicomRow("52-large", "3 cm", one_raw("PixelSpacing", rb"30\25 "), "PS-A52", "must lie in 0.001 to 10 mm"),
    DicomRow("52-tiny", "1e-7 mm", series(PixelSpacing=["1e-7", "1e-7"]), "PS-A52", "must lie in 0.001 to 10 mm"),
)
HEADERS = (
    DicomRow(
        "53",
        "the tags of thickness lie",
        series(SliceThickness="5", SpacingBetweenSlices="-3", SliceLocation="17"),
    ),
    DicomRow("53-text", "the tags of thickness hold text", geo.thick_text),
    DicomRow("53-nested", "other images' places in sequences", geo.nested()),
    DicomRow("53-icon", "an icon with pixels before the image's", geo.nested(icon=True)),
    DicomRow("53-top", "places of no frame in an enhanced header", en.file_of(en.own_place_at_the_top)),
    DicomRow("53-enhanced", "they lie in an enhanced file", en.file_of()),
    Deed("54", "48 orders and ways of axes, turned at random", deeds.every_axis_order_and_flip),
    DicomRow("55", "on the right side, head first", series(PatientPosition="HFDR")),
    DicomRow("55-prone", "prone, feet first", series(PatientPosition="FFP")),
    DicomRow("55-missing", "Patient Position missing", series(PatientPosition=None, Laterality="L")),
    *(
        DicomRow(f"56-{name}", fault, series(grid=grid), grid=grid)
        for name, fault, grid in (
            ("thick", "0.25 x 0.25 x 0.8", replace(GRID, row_spacing=0.25)),
            ("cubes", "0.6 throughout", replace(GRID, row_spacing=0.6, column_spacing=0.6, step=0.6)),
            ("unequal", "0.1 beside 9.9 mm", replace(WIDE, row_spacing=9.9, column_spacing=0.1)),
            ("across", "9.9 beside 0.1 mm", replace(WIDE, row_spacing=0.1, column_spacing=9.9)),
            ("thin", "steps of 0.05 mm", replace(GRID, step=0.05)),
            ("wide", "steps of 12 mm", replace(GRID, step=12.0)),
            ("down", "slices sent against the normal", replace(GRID, along_column=(0.0, 0.0, 1.0))),
        )
    ),
    Deed("56-swapped", "columns before rows in Pixel Spacing", deeds.swapped_spacing),
)
ENHANCED = (
    DicomRow("57", "an enhanced file, its frames in no order", en.file_of()),
    DicomRow("57-reversed", "frames last to first", en.file_of(numbers=range(15, -1, -1))),
    DicomRow("57-two-files", "one series in two files", en.two_halves),
    DicomRow("57-single", "a file for each frame", en.single_frames),
    DicomRow("57-rle", "compressed", en.compressed),
    DicomRow("57-legacy", "converted from single images", en.legacy_converted),
    DicomRow("57-own", "nothing shared", en.file_of(en.nothing_shared)),
    DicomRow("57-slopes", "a slope for each frame", en.file_of(en.own_slopes)),
    DicomRow("57-stacks", "a stack for each frame", en.file_of(en.each_frame(en.own_stacks))),
    DicomRow("57-pairs", "a stack for each two frames", en.file_of(en.each_frame(en.stacks_of_two))),
    DicomRow("57-uncounted", "no stacks, no indices", en.file_of(en.each_frame(en.nothing_counted))),
    DicomRow("57-empty", "empty items beside shared ones", en.file_of(en.each_frame(en.empty_items))),
    DicomRow("57-copy", "the file twice", en.copied, notices=("PS-W28",)),
    DicomRow("57-frame-copy", "a frame twice", en.frame_copied, notices=("PS-W28",)),
    DicomRow("57-30", "two pictures at one place", en.frame_contradicted, "PS-A30", "at position 5"),
    DicomRow(
        "57-long",
        "64 frames sheared by 2.15 degrees",
        en.file_of(grid=geo.sheared(64, 2.15), numbers=range(64)),
        notices=W41,
        grid=geo.sheared(64, 2.15),
    ),
    DicomRow("57-shear", "sheared", en.file_of(grid=geo.sheared(16, 14)), notices=W41, grid=geo.sheared(16, 14)),
    DicomRow(
        "57-warned",
        "a frame 0.03 mm off",
        en.file_of(en.each_frame(en.frame_7_off(0.03))),
        notices=W38,
        slack_mm=0.03,
    ),
    DicomRow("57-38", "a frame 0.3 mm off", en.file_of(en.each_frame(en.frame_7_off(0.3))), "PS-A38", "slice 8 of 16"),
    DicomRow("57-36", "a frame missing", en.file_of(numbers=[*range(7), *range(8, 16)]), "PS-A36", "7 and 8 of 15"),
    DicomRow("57-45", "the last frame turned", en.file_of(en.each_frame(en.last_turned)), "PS-A45", "file continues"),
    DicomRow(
        "57-46",
        "a frame without position",
        en.file_of(en.no_position),
        "PS-A46",
        "file frame 4 has no Image Posi",
    ),
    DicomRow(
        "57-48",
        "no orientation",
        en.file_of(en.not_shared(en.SHARED[1])),
        "PS-A48",
        "frame 1 has no Image Orient",
    ),
    DicomRow("57-49", "no measures", en.file_of(en.not_shared(en.SHARED[0])), "PS-A49", "frame 1 has no Pixel Spacing"),
    DicomRow("57-50", "a frame wider", en.file_of(en.each_frame(en.other_measures)), "PS-A36", "1 image missing"),
    DicomRow("57-one-place", "the position shared", en.file_of(en.one_position), "PS-A40", "localizer-like: 1 slices"),
    DicomRow(
        "57-count",
        "a frame more than described",
        en.file_of(en.wrong_count),
        "PS-A121",
        "16 frame desc.* for 17 frames",
    ),
    DicomRow("57-pixels", "pixels of a frame more", en.file_of(en.one_frame_more), "PS-A121", "make the 16 frames of"),
    DicomRow("57-none", "no descriptions", en.file_of(en.no_groups), "PS-A121", "0 frame descriptions for 16 frames"),
    DicomRow("57-08", "cut", en.file_of(en.short), "PS-A08", "61340 of 61440 pixel bytes"),
    DicomRow("58", "two time points", en.temporal, "PS-A26", "phase 1: temporal position 1, 16 slices; phase 2"),
    DicomRow("58-chosen", "the second time point", en.temporal, choice={"phase": 2}, extra=500),
    DicomRow(
        "58-dimension",
        "two time points that only the dimension tells",
        partial(en.temporal, index=False),
        "PS-A26",
        "phase 1: dimension index 1, 16 slices; phase 2: dimension index 2",
    ),
    DicomRow("58-half-way", "time points half a step apart", en.half_way, "PS-A26", "temporal position 2, 16 slices"),
    DicomRow("58-offsets", "the same by their times alone", en.offsets, choice={"phase": 2}, extra=500),
    DicomRow("58-complex", "magnitude and phase by Complex Image Component", en.components, notices=W21),
    DicomRow("58-complex-half", "the same half a step apart", partial(en.components, apart=0.5), notices=W21),
    DicomRow(
        "58-complex-top",
        "Complex Image Component in the file's own header",
        en.file_of(lambda ds: setattr(ds, "ComplexImageComponent", "PHASE")),
        notices=("PS-W27",),
    ),
    DicomRow("58-echoes", "two echoes", en.echoes, "PS-A25", "echo 1: 3 ms, 16 slices; echo 2: 12 ms, 16 slices"),
    DicomRow("58-echo", "the second echo", en.echoes, choice={"echo": 2}, extra=9),
    DicomRow(
        "58-converted",
        "echoes of converted images",
        partial(en.echoes, converted=True),
        "PS-A25",
        "echo 2: 12 ms",
    ),
    DicomRow("58-localizer", "three frames of another stack", en.localizer_frames, notices=W21),
    DicomRow("58-stacks", "two knees in one file", en.two_stacks, "PS-A20", "40x48x16.*; 2 .*40x48x10"),
    DicomRow("58-slabs", "two slabs, one behind the other", en.two_slabs, "PS-A20", "40x48x8.*; 2 .*40x48x8"),
    DicomRow("58-slab", "the first of two slabs", en.two_slabs, choice={"series": 1}, grid=replace(GRID, n=8)),
    DicomRow("58-stack", "the first of two knees", en.two_stacks, choice={"series": 1}),
)
REST = (
    DicomRow(
        "59",
        "a mosaic",
        series(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
        "PS-A59",
        "mosaic of many slices",
    ),
    DicomRow("59-beside", "a mosaic beside the series", geo.mosaic_beside, notices=("PS-W20",)),
    Deed("60", "no side told", partial(deeds.laterality, None)),
    Deed("60-series", "the series' side", partial(deeds.laterality, "L", Laterality="L")),
    Deed(
        "60-image",
        "the image's side before the series'",
        partial(deeds.laterality, "R", ImageLaterality="R", Laterality="L"),
    ),
    Deed("60-both", "images that disagree", deeds.both_sides),
    Deed("60-frame", "the frames' side", deeds.frame_laterality),
    DicomRow("60-cropped", "a field of 2 mm", series(grid=Grid(rows=8, columns=6)), grid=Grid(rows=8, columns=6)),
)
ROWS = (*ORDER, *GAPS, *SPACING, *DIRECTIONS, *ODD_SLICES, *HEADERS, *ENHANCED, *REST)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: DicomRow | Deed, tmp_path):
    exam = tmp_path / "exam"
    exam.mkdir()
    if isinstance(row, DicomRow):
        check(row, exam)
    else:
        row.hold(exam)
