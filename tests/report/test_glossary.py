import pytest

from quantmia.report.glossary import WORDS, explained
from quantmia.report.page import CAPTIONS, OF_ATTACKS


def test_words_come_in_the_order_asked_for():
    assert list(explained("run", "MIS")) == ["run", "MIS"]
    with pytest.raises(KeyError):
        explained("jargon")


def test_every_caption_explains_words_that_there_are():
    used = {word for _, _, words in CAPTIONS.values() for word in words}
    assert used | {*OF_ATTACKS, "bits", "epsilon"} == set(WORDS)


@pytest.mark.parametrize("word", ["run", "advantage", "MIS", "lira", "r_Q", "checkpoint grid",
                                  "held out", "pool", "sigma²"])  # fmt: skip
def test_what_a_newcomer_does_not_know_is_explained(word):
    assert len(WORDS[word].split()) > 5
