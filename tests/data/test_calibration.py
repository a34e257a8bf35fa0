import numpy as np

from quantmia.data import Split, calibration_inputs, calibration_rows


def test_a_run_with_few_members_is_shown_some_of_them_again():
    parts = Split(np.arange(4), np.arange(4, 20), np.arange(0))
    mask = np.zeros((2, 16), bool)
    mask[0, :3], mask[1, 3:14] = True, True
    few, many = calibration_rows(parts, "members", 99, mask, [(0, 0), (0, 1)])
    assert len(few) == len(many) == 8
    assert set(few) == {4, 5, 6}
    assert len(set(many)) == 8


def test_inputs_are_the_features_of_those_rows_or_nobodys():
    parts = Split(np.arange(4), np.arange(4, 20), np.arange(20, 30))
    inputs = np.random.default_rng(0).normal(size=(30, 2, 3)).astype(np.float32)
    mask, runs = np.ones((2, 16), bool), [(0, 0), (0, 1)]
    for source in ("members", "apart"):
        places = calibration_rows(parts, source, 5, mask, runs)
        found = calibration_inputs(parts, inputs, source, 5, mask, runs)
        np.testing.assert_array_equal(found, inputs[places])
    noise = calibration_inputs(parts, inputs, "noise", 40, mask, runs)
    assert noise.shape == (2, 40, 2, 3)
    assert noise.dtype == np.float32
    other = calibration_inputs(parts, inputs + 1, "noise", 40, mask, runs)
    np.testing.assert_array_equal(noise, other)
