from dataclasses import replace

from mr_series import GRID, image, save

from pedseg.dicom.alike import alike_in_place, same_geometry, snapped
from pedseg.dicom.frame import single_frame
from pedseg.dicom.header import read_header


def frames(folder, n=6):
    paths = [save(image(GRID, k), folder / f"{k}") for k in range(n)]
    return [single_frame(read_header(path), path, path.name) for path in paths]


def turned(frame, by):
    return replace(frame, orientation=(frame.orientation[0] + by, *frame.orientation[1:]))


def test_noise_of_orientation_parts_no_stack(tmp_path):
    noisy = [turned(f, by) for f, by in zip(frames(tmp_path), (0, 1.5e-4, 2.9e-4, -1.5e-4, 4e-4, 0), strict=True)]
    assert [len(group) for group in same_geometry(noisy)] == [6]
    assert [len(group) for group in same_geometry([*noisy, turned(noisy[0], 2e-3)])] == [6, 1]
    assert not alike_in_place(noisy[0], turned(noisy[0], 2e-3))


def test_places_are_shared_within_a_hundredth_of_a_mm(tmp_path):
    first = frames(tmp_path, n=1)[0]

    def at(mm):
        return replace(first, position=(first.position[0], first.position[1], first.position[2] + mm))

    found = snapped([first, at(0.009), at(-0.009), at(0.02)])
    assert [frame.place == first.place for frame in found] == [True, True, True, False]
    assert found[1].position != first.position
