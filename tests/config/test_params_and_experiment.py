import tomllib

import pytest

from invprob.config import toml as toml_file
from invprob.config.experiment import Experiment
from invprob.config.override import override
from invprob.config.registry import discover, registry
from invprob.config.toml import dumps as toml
from invprob.errors import BadParams, InvprobError
from invprob.params import Spec, read_spec

TOYS = discover([("toys", "tests.toys", "")])


def test_a_value_may_hold_commas():
    assert read_spec("sgilo:steps=300,200,lr=0.1") == {
        "name": "sgilo",
        "steps": "300,200",
        "lr": "0.1",
    }


@pytest.mark.parametrize("text", ["", ":a=1", "x:lr", "x:lr=", "x:lr=1,lr=2"])
def test_malformed_specs_are_refused(text):
    with pytest.raises(BadParams):
        read_spec(text)


def test_a_spec_reads_what_it_writes():
    spec = Spec.model_validate("sgilo:steps=300,200,lr=0.1")
    assert Spec.model_validate(str(spec)) == spec


def test_toml_is_read_back():
    data = {
        "a": 1,
        "b": [1.5, 'x\n"y"'],
        "c": {"d": True, "e": {"f": "ü"}},
        "g": [{"h": 1}, {"h": 2}],
    }
    assert tomllib.loads(toml(data)) == data


def test_a_resolved_experiment_survives_toml():
    experiment = Experiment.parse(
        {"solver": "walk:steps=7", "operator": "mask:keep=0.3|mask", "noise": "gauss:sigma=0.1"}
    )
    whole = experiment.resolve(TOYS)
    assert whole.generator is not None
    assert whole.solver.params["steps"] == 7
    again = Experiment.parse(tomllib.loads(whole.to_toml())).resolve(TOYS)
    assert again == whole


def test_all_faults_are_named_at_once():
    with pytest.raises(BadParams) as caught:
        TOYS.find("solver", "walk").params().parse({"steps": "0", "lr": "x"}, "solver walk")
    assert "steps" in caught.value.message
    assert "lr" in caught.value.message
    assert "'x'" in caught.value.message


def test_a_choice_of_numbers_can_be_typed():
    model = registry().find("trainer", "diffusion").params()
    assert model.parse({"colors": "1"}).colors == 1
    with pytest.raises(BadParams, match="colors"):
        model.parse({"colors": "2"})


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(BadParams) as caught:
        override({}, ["solvr.steps=3"], TOYS)
    assert "solver" in caught.value.hint


def test_a_setting_replaces_a_parameter_under_its_old_name(monkeypatch):
    model = TOYS.find("solver", "walk").params()
    monkeypatch.setattr(model, "renamed", {"rate": "lr", "pace": "lr"})
    table = {"solver": {"name": "walk", "rate": 0.1, "steps": 2}}
    for key in ("lr", "pace", "rate"):
        changed = override(table, [f"solver.{key}=3"], TOYS)["solver"]
        assert changed == {"name": "walk", "steps": 2, key: "3"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed = " + "[" * 3000 + "]" * 3000, "is not TOML: its lists or tables are nested"),
        ("seed = " + "{a=" * 800 + "1" + "}" * 800, "is not TOML: its lists or tables are nested"),
        ("seed = " + "9" * 5000, "is not TOML: a number in it has too many digits"),
        ("seed = 2020-01-01", "seed: must be a whole number"),
        ("samples = 07:32:00", "samples: must be a whole number"),
        ("samples = nan", "samples: must be a finite number"),
        ("samples = true", "samples: must be a whole number (got 'true')"),
        ("seed = 1\nseed = 2", "is not TOML"),
        ("sed = 1", "sed: there is no such parameter"),
        ("images = [1]", "images, value 1: must be a text"),
    ],
)
def test_any_toml_is_an_experiment_or_a_sentence(text, says, tmp_path):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(InvprobError) as caught:
        Experiment.parse(toml_file.read(tmp_path / "e.toml"))
    assert says in caught.value.message


@pytest.mark.parametrize("values", [{"steps": [True, 2]}, {"num_levels": True}, {"lr": False}])
def test_true_is_not_a_number(values):
    model = registry().find("solver", "sgilo").params()
    with pytest.raises(BadParams, match=r"number.*got '(true|false)'"):
        model.parse(values)
    assert model.parse({"coupled": True}).coupled


@pytest.mark.parametrize("stage", ["x", "-1", "1.5", "01", "²", ""])
def test_a_stage_is_a_number_written_in_one_way(stage):
    from invprob.config.registry import registry

    table = {"solver": "sgilo", "prior": {stage: "latent-score"}}
    with pytest.raises(BadParams, match="is not a number"):
        Experiment.parse(table).resolve(registry())
