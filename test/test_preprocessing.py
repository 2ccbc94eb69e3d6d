"""A picture is made small in place and colour, and earlier frames are found by their stamps."""

import numpy as np

from mobile_vla_ros.preprocessing import history_frames, IMAGE, preprocess


def test_history_looks_back_by_stamps_not_by_counts():
    stamps = [0, 100, 200, 300, 400, 500]
    stamps = [stamp * 10 ** 6 for stamp in stamps]
    assert history_frames(stamps, stamps[-1], (0.2, 0.4, 9.0)) == [3, 1, 0]


def test_preprocessing_keeps_place_and_colour():
    image = np.zeros((480, 640, 3), np.uint8)
    image[:240, 320:, 0] = 200
    out = preprocess(image)
    assert out.shape == (IMAGE, IMAGE, 3)
    middle = IMAGE // 2
    assert out[10, middle + 10].tolist() == [200, 0, 0]
    assert not out[middle + 1:].any() and not out[:, :middle - 1].any()
