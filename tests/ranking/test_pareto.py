import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quantmia.ranking.pareto import undominated


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_the_front_is_what_nobody_beats(found):
    front = undominated(*np.array(found, float).T)
    for (mis, utility), on_front in zip(found, front, strict=True):
        beaten = any(m >= mis and u >= utility and (m, u) != (mis, utility) for m, u in found)
        assert on_front == (not beaten)
