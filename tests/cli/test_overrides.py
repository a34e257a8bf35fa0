import pytest
from hydra import compose

from quantmia.cli.inside_hydra import parse
from quantmia.cli.overrides import composed, duplicates, explain
from quantmia.config.schema import ExperimentConfig
from quantmia.errors import ConfigError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_composes_has_nothing_to_explain():
    assert explain([]) == []
    assert explain(["-m", "+experiment=synthetic", "runs=8", "seed=0,1"]) == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("x=[", "x=[: cannot be read as key=value ("),
        ("sign", "sign: has to be key=value"),
        ("a.csv", "a.csv: has to be key=value; for a file of yours: quantmia run dataset=csv "
         "dataset.path=a.csv dataset.target=COLUMN"),
        ("dataset.name=IC50 (nM)", "dataset.name=IC50 (nM): cannot be read as key=value ("),
        ("quantizer=sign,nf4", "quantizer=sign,nf4: several values; for a job of each add -m; "
         "in one job: 'quantizer=[sign,nf4]'"),
        ("seed=range(3)", "seed=range(3): several values; for a job of each add -m"),
        ("quantizer=null", "quantizer=null: choose from "),
        ("attack=null", "attack=null: choose from "),
        ("dataset=syntetic", "dataset=syntetic: there is no dataset syntetic; did you mean "
         "synthetic? (choose from "),
        ("quantizer=[sgn,sign]", "quantizer=[sgn,sign]: there is no quantizer sgn; did you mean "
         "sign? (choose from "),
        ("quantizer=[qqq]", "quantizer=[qqq]: there is no quantizer qqq (choose from "),
        ("+experiment=x9", "+experiment=x9: there is no experiment x9 (choose from "),
        ("+experiment=paper/mixture", "+experiment=paper/mixture: there is no experiment "
         "paper/mixture; did you mean paper/mixtures? (choose from "),
        ("experiment=synthetic", "experiment=synthetic: write +experiment=synthetic; an "
         "experiment is added to the defaults"),
        ("trainig.lr=1", "trainig.lr=1: unknown key trainig.lr; did you mean training.lr?"),
        ("trainig=adam", "trainig=adam: unknown key trainig; did you mean training?"),
        ("dataste=synthetic", "dataste=synthetic: unknown key dataste; did you mean dataset?"),
        ("zq9=1", "zq9=1: unknown key zq9; --cfg job lists the keys"),
        ("~zq9", "~zq9: unknown key zq9; --cfg job lists the keys"),
        ("+seed=1", "+seed=1: Could not append to config. An item is already at 'seed'."),
        ("runs=0", "runs=0: has to be an integer of 1 or more, or auto"),
    ],
)  # fmt: skip
def test_one_fault_and_its_reason(override, said):
    (fault,) = explain([override])
    assert fault.startswith(said)
    assert "\n" not in fault


def test_only_of_attacks_there_can_be_none():
    (fault,) = explain(["attack=null"])
    assert fault.endswith(" (attack=[] chooses none)")
    (fault,) = explain(["quantizer=null"])
    assert "chooses none" not in fault


def test_all_that_is_unknown_in_a_list_is_named():
    (fault,) = explain(["quantizer=[sgn,sign,unifrm_4]"])
    assert "there is no quantizer sgn; did you mean sign?; there is no quantizer unifrm_4" in fault


def test_every_value_of_a_sweep_is_tried():
    first, second = explain(["-m", "quantizer=sgn,sign,unifrm_4"])
    assert first.startswith("quantizer=sgn: there is no quantizer sgn")
    assert second.startswith("quantizer=unifrm_4: there is no quantizer unifrm_4")


def test_every_fault_is_found_at_once():
    overrides = ["x=[", "+experiment=x9", "trainig.lr=1", "runs=0", "quantizer=[sign,sign]"]
    assert sorted(fault.partition(":")[0] for fault in explain(overrides)) == [
        "+experiment=x9", "quantizer=[sign,sign]", "runs=0", "trainig.lr=1", "x=["
    ]  # fmt: skip


def test_the_order_of_overrides_does_not_matter():
    assert explain(["model.hidden=[3]", "model=mlp"]) == []
    assert explain(["quantizer.sign.per=channel", "quantizer=[sign]"]) == []


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "my" / "quantizer").mkdir(parents=True)
    (tmp_path / "my" / "quantizer" / "halves.yaml").write_text(
        "# @package quantizer\nhalves:\n  _target_: quantmia.quantizers.Uniform\n  bits: 3\n"
    )
    return tmp_path / "my"


def test_a_folder_of_the_users_is_looked_into(mine):
    for given in (["--config-dir", "my"], [f"hydra.searchpath=[file://{mine}]"]):
        assert explain([*given, "quantizer=[halves,sign]"]) == []
        (fault,) = explain([*given, "quantizer=[halfs]"])
        assert "there is no quantizer halfs; did you mean halves?" in fault
    assert "there is no quantizer halves" in explain(["quantizer=[halves]"])[0]
    assert list(composed(["quantizer=[halves]"], "my").quantizer) == ["halves"]


def test_a_configuration_for_commands_that_run_no_job():
    config = composed(["quantizer=sign", "runs=auto"])
    assert isinstance(config, ExperimentConfig)
    assert (list(config.quantizer), config.runs) == (["sign"], "auto")
    with pytest.raises(ConfigError) as caught:
        composed(["quantizer=[sign,sgn]", "runs=0"])
    assert len(caught.value.faults) == 2


def test_what_composes_together_is_not_composed_one_by_one(monkeypatch):
    calls = []

    def counted(name, overrides):
        calls.append(overrides)
        return compose(name, overrides=overrides)

    monkeypatch.setattr("quantmia.cli.overrides.compose", counted)
    composed(["runs=4", "seed=1", "dataset=esol", "training.epochs=3", "quantizer=[sign]"])
    assert len(calls) == 1
    with pytest.raises(ConfigError, match=r"training\.lr=-1"):  # whose value alone is wrong
        composed(["runs=4", "seed=1", "training.lr=-1"])
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("override", "faults"),
    [
        ("quantizer=[sign,sign]", ["quantizer=[sign,sign]: sign is chosen twice"]),
        ("quantizer=[sign,uniform_2,'sign']", ["quantizer=[sign,uniform_2,sign]: sign is chosen "
         "twice"]),
        ("attack=[a,b,a,b,a]", ["attack=[a,b,a,b,a]: a is chosen twice",
                                "attack=[a,b,a,b,a]: b is chosen twice"]),
        ("quantizer=[sign,uniform_2]", []),
        ("quantizer=sign", []),
        ("quantizer=sign,sign", []),
        ("quantizer=[]", []),
        ("model.hidden=[64,64]", []),
        ("indicator.grids=[1,1]", []),
        ("attack=null", []),
    ],
)  # fmt: skip
def test_names_that_are_chosen_twice(override, faults):
    assert duplicates(parse([override])) == faults


def test_what_cannot_be_read_is_told_once_and_as_it_can_be_pasted():
    (fault,) = explain(["dataset=csv", "dataset.path=a.csv", "dataset.target=IC50 (nM)"])
    assert """if that is one text: 'dataset.target="IC50 (nM)"';""" in fault
    assert "has to be given" not in fault
