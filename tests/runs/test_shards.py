from hypothesis import given
from hypothesis import strategies as st

from quantmia.runs.shards import blocks, spans


@given(st.integers(1, 200), st.integers(1, 30), st.integers(1, 12))
def test_shards_have_the_blocks_of_the_whole_each_once(runs, stack, shards):
    whole = blocks(runs, stack)
    parts = [block for shard in range(shards) for block in blocks(runs, stack, shard, shards)]
    assert sorted(parts, key=lambda block: block.start) == whole
    assert [run for block in whole for run in block] == list(range(runs))
    assert {len(block) for block in whole[:-1]} <= {stack}


@given(st.integers(1, 200), st.integers(1, 30), st.integers(1, 12))
def test_no_shard_has_two_blocks_more_than_another(runs, stack, shards):
    counts = [len(blocks(runs, stack, shard, shards)) for shard in range(shards)]
    assert max(counts) - min(counts) <= 1


def test_spans():
    assert spans([]) == ""
    assert spans([3]) == "3"
    assert spans([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
