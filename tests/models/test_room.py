from quantmia.device import choose
from quantmia.models.room import MOST, Sizes, stack_size


def test_larger_models_make_smaller_stacks():
    sizes = [stack_size(choose("cpu"), Sizes(10**power, 100), 64) for power in range(2, 13)]
    assert sizes[0] == MOST
    assert sizes[-1] == 1
    assert sizes == sorted(sizes, reverse=True)
    wide = stack_size(choose("cpu"), Sizes(100, 10**9), 64)
    assert wide == 1
