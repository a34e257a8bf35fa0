from io import StringIO

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from quantmia.parsing import EXACT


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_that_python_wrote_are_read_to_the_last_bit(numbers):
    table = pd.read_csv(StringIO("\n".join(["x", *map(repr, numbers)])), **EXACT)
    assert table["x"].tolist() == numbers
