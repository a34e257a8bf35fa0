"""What the recipes change of any experiment."""

import pytest

from quantmia.cli.choices import choices
from quantmia.cli.resolvers import prepare
from quantmia.config.schema import recorded
from quantmia.runs.compare import differing_keys
from tests.configurations import configured

CHANGED = {
    "plain": [],
    "warm_restarts": ["training.warm_restarts: None and 12"],
    "sam": ["training.sam: None and 0.05"],
    "ema": ["training.ema: None and 0.99"],
    "swa": ["training.swa: None and 30"],
    "large_batch": ["training.batch_size: 64 and 256"],
    "label_noise": ["split.label_noise: 0.0 and 0.2"],
}


def test_every_recipe_is_known():
    assert sorted(CHANGED) == [name for name, _ in choices("recipe")]


@pytest.mark.parametrize("name", CHANGED)
def test_a_recipe_changes_one_thing_of_an_experiment(name):
    """Of one with 60 epochs."""
    prepare()
    experiment = "+experiment=esol"
    plain, its = (
        recorded(configured(*each)) for each in ((experiment,), (experiment, f"+recipe={name}"))
    )
    assert differing_keys(plain, its, ()) == CHANGED[name]
