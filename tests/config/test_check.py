import pytest
from omegaconf import DictConfig

from quantmia.config.check import check
from quantmia.errors import ConfigError
from quantmia.ranking.audit import TRUSTED, trusted_attack
from tests.configurations import composed


def faults_of(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(composed(*overrides))
    return caught.value.faults


@pytest.mark.parametrize("experiment", ["synthetic", "lipophilicity"])
def test_experiments_are_valid(experiment):
    config = check(composed(f"+experiment={experiment}"))
    assert config.name == experiment
    assert config.runs == 20
    assert len(config.quantizer) == 9


def test_default_is_typed_and_resolved():
    config = check(composed("quantization.scale=unit", "training.lr=1"))
    assert config.quantizer["sign"]["scale"] == "unit"
    assert config.training.lr == 1.0
    assert isinstance(config.training.lr, float)
    assert composed("embedder=none").embedder is None


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["runs=0"], "runs=0: has to be an integer of 1 or more, or auto"),
        (["runs=1"], "runs=1: too few"),
        (["runs=many"], "runs=many: has to be an integer"),
        (["runs=2.5"], "runs=2.5: has to be an integer"),
        (["seed=-1"], "seed=-1"),
        (["name=a/b"], "name=a/b"),
        (["split.validation=0"], "split.validation=0: has to be a number between 0 and 1"),
        (["split.validation=1.2"], "split.validation=1.2"),
        (["quantizer=[]"], "quantizer=[]"),
        (["training.lr=0"], "training.lr=0: has to be a number above 0"),
        (["training.lr=inf"], "training.lr=inf"),
        (["training.batch_size=0"], "training.batch_size=0"),
        (["training.stack=0"], "training.stack=0"),
        (["training.epochs=5", "training.checkpoint_every=6"], "training.checkpoint_every=6"),
        (["training.optimizer=adm"], "did you mean adam?"),
        (["+training.lrr=1"], "training.lrr: unknown key; did you mean lr?"),
        (["+foo=1"], "foo: unknown key"),
        (["indicator.variant=papr"], "did you mean paper?"),
        (["indicator.low_loss_models=1"], "indicator.low_loss_models=1"),
        (["indicator.grids=[1,0]"], "indicator.grids=[1, 0]"),
        (["ranking.confidence=1"], "ranking.confidence=1:"),
        (["ranking.bootstrap=0"], "ranking.bootstrap=0"),
        (["quantization.per=row"], "quantization.per=row"),
        (["quantizer.uniform_2.bits=40"], "bits=40"),
        (["quantizer.uniform_2.bits=two"], "quantizer.uniform_2.bits=two: has to be an integer"),
        (["+quantizer.uniform_2.bit=3"], "did you mean bits?"),
        (["quantizer.ternary_50.sparsity=1"], "sparsity=1"),
        (["quantizer.sign._target_=quantmia.quantizers.Sgn"], "did you mean Sign?"),
        (["dataset._target_=no_such_module.f"], "there is no module no_such_module"),
        (["~dataset.seed", "dataset.sigma=-1"], "dataset.sigma=-1"),
        (["dataset=lipophilicity", "embedder=none"], "embedder=minimol"),
        (["model=mlp", "model.hidden=[0]"], "model.hidden=[0]"),
        (["model=mlp", "model.activation=rel"], "did you mean relu?"),
    ],
)
def test_one_fault(overrides, expected):
    faults = faults_of(*overrides)
    assert len(faults) == 1
    assert expected in faults[0]


def test_faults_are_listed_together():
    faults = faults_of(
        "runs=0", "split.validation=2", "quantizer=[]", "training.lr=x", "+indicator.k=1"
    )
    assert len(faults) == 5


def test_a_shared_setting_is_reported_once():
    assert len(faults_of("quantization.scale=half")) == 1
    assert len(faults_of("quantization.bias=perhaps")) == 1


def test_attacks_can_be_left_out():
    assert check(composed("attack=[]", "runs=1")).attack == {}


def test_the_attacks_chosen_by_default_are_led_by_the_best_known():
    config = check(composed())
    assert list(config.attack) == ["lira", "lira_eb", "loss_threshold"]  # as files keep them
    assert trusted_attack(list(config.attack)) == TRUSTED[0] == "lira_eb"


def test_a_hundredth_of_auc_counts_as_no_difference_by_default():
    assert check(composed()).ranking.tolerance == 0.01


def test_a_missing_argument_is_a_fault():
    assert "dataset.sha256" in faults_of("+experiment=lipophilicity", "~dataset.sha256")[0]


def test_a_section_has_to_hold_keys():
    config = DictConfig({**composed(), "training": 3})
    with pytest.raises(ConfigError, match="training=3: has to hold the keys"):
        check(config)
