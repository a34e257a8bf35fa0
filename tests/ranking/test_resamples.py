import numpy as np

from quantmia.ranking.resamples import NAME, Resamples
from tests.ranking.test_joined import resamples


def test_they_are_read_as_they_were_written(tmp_path):
    made = resamples()
    made.write(tmp_path)
    again = Resamples.read(tmp_path)
    assert again is not None
    assert (again.names, again.shared, again.attack) == (made.names, made.shared, made.attack)
    for name, value in vars(made.figures).items():
        np.testing.assert_array_equal(getattr(again.figures, name), value)
    (tmp_path / NAME).write_bytes(b"cut")
    assert Resamples.read(tmp_path) is None
    assert Resamples.read(tmp_path / "nowhere") is None
