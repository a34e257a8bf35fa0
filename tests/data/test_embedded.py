"""The cache of embeddings, batch by batch."""

import hashlib
import json

import numpy as np
import pytest

from quantmia.data.embedded import embed
from quantmia.data.embedders import Ecfp, Own
from quantmia.files import write_tensors
from quantmia.progress import Progress

MOLECULES = ["C" * length for length in range(1, 8)]


class Places:
    """Numbers that tell in which batch and at which place of it a molecule was."""

    identity = "places 1"

    def __init__(self, batch_size=3, fails_after=None):
        self.batch_size, self.fails_after = batch_size, fails_after
        self.seen = []

    def __call__(self, batches):
        for batch in batches:
            if len(self.seen) == self.fails_after:
                raise KeyboardInterrupt
            self.seen.append(list(batch))
            yield np.array([[len(batch[0]), at] for at in range(len(batch))], np.float64)


def cut(size, molecules=MOLECULES):
    return [molecules[at : at + size] for at in range(0, len(molecules), size)]


def test_only_batches_that_are_not_there_yet_are_computed(tmp_path):
    first = Places()
    before = embed(first, MOLECULES, tmp_path, Progress())
    assert first.seen == cut(3)
    assert before.dtype == np.float32
    np.testing.assert_array_equal(before[:, 0], [1, 1, 1, 4, 4, 4, 7])
    longer = [*MOLECULES, "CO", "CCO", "CCCO"]
    again = Places()
    after = embed(again, longer, tmp_path, Progress())
    assert again.seen == cut(3, longer)[2:]
    np.testing.assert_array_equal(after, embed(Places(), longer, tmp_path / "other", Progress()))
    np.testing.assert_array_equal(after[:7], before)


def test_an_interrupted_embedding_goes_on_where_it_was(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        embed(Places(fails_after=2), MOLECULES, tmp_path, Progress())
    rest = Places()
    features = embed(rest, MOLECULES, tmp_path, Progress())
    assert rest.seen == cut(3)[2:]
    assert "embedding: 1/1 molecules" in capsys.readouterr().err
    np.testing.assert_array_equal(
        features, embed(Places(), MOLECULES, tmp_path / "other", Progress())
    )


def test_a_damaged_batch_is_computed_again(tmp_path):
    before = embed(Places(), MOLECULES, tmp_path, Progress())
    damaged = address(tmp_path, cut(3)[1])
    damaged.write_bytes(damaged.read_bytes()[:-2])
    again = Places()
    np.testing.assert_array_equal(before, embed(again, MOLECULES, tmp_path, Progress()))
    assert again.seen == [cut(3)[1]]


def address(cache, molecules):
    content = json.dumps([Places.identity, molecules]).encode()
    return cache / "embeddings" / f"{hashlib.sha256(content).hexdigest()}.safetensors"


def test_a_list_that_was_kept_in_one_file_is_read(tmp_path):
    kept = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    path = address(tmp_path, MOLECULES)
    path.parent.mkdir()
    write_tensors(path, {"features": kept}, {"embedder": Places.identity})
    embedder = Places()
    np.testing.assert_array_equal(embed(embedder, MOLECULES, tmp_path, Progress()), kept)
    assert not embedder.seen


def test_a_function_of_ones_own_sees_all_molecules_at_once(tmp_path):
    seen = []

    def centred(smiles):
        seen.append(smiles)
        lengths = np.array([[len(each)] for each in smiles], np.float32)
        return lengths - lengths.mean()

    molecules = ["C" * length for length in range(1, 2501)]
    features = embed(Own(centred, {"_target_": "mine"}), molecules, tmp_path, Progress())
    assert seen == [molecules]
    assert features.mean() == 0


def test_fingerprints_do_not_depend_on_batches(tmp_path):
    embedder = Ecfp(size=64)
    together = embed(embedder, MOLECULES, tmp_path, Progress())
    embedder.batch_size = 2
    np.testing.assert_array_equal(
        embed(embedder, MOLECULES, tmp_path / "other", Progress()), together
    )
    assert len(list((tmp_path / "other").rglob("*.safetensors"))) == 4
