"""Files that an experiment names are found again from any working directory."""

import shutil
from pathlib import Path

import pytest

import invprob_sgilo
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.errors import BadInput
from invprob.runs import kept_files
from invprob.weights import store

FACES = Path(invprob_sgilo.__file__).parent / "weights" / "faces64.safetensors"


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    for name in ("run", "begun", "resumed"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "begun")
    return tmp_path


def experiment(weights):
    table = {"solver": "csgm", "generator": f"stylegan2:weights={weights}"}
    return Experiment.parse(table).resolve(registry())


def test_weights_under_a_bare_name_are_found_from_anywhere(places, monkeypatch):
    shutil.copy(FACES, "mine")
    store.add("shelved", FACES)
    for name, path in (
        ("mine", places / "begun" / "mine"),
        ("shelved", places / "cache" / "named" / "shelved" / FACES.name),
    ):
        run, out = experiment(name), places / "run"
        kept = kept_files.keep(out, run, registry())
        assert kept["generator.weights"]["path"] == str(path)
        assert len(kept["generator.weights"]["sha256"]) == 64
        with monkeypatch.context() as elsewhere:
            elsewhere.chdir(places / "resumed")
            elsewhere.setenv("INVPROB_CACHE", str(places / "other"))
            found = kept_files.found_again(out, run, registry(), {"files": kept})
            assert found.generator.params["weights"] == str(path)
            path.unlink()
            with pytest.raises(BadInput, match="which is gone"):
                kept_files.found_again(out, run, registry(), {"files": kept})
            shutil.copy(FACES, name)
            again = kept_files.found_again(out, run, registry(), {"files": kept})
            assert again.generator.params["weights"] == name


def test_bundled_weights_come_before_a_file_of_their_name(places):
    Path("faces64").write_text("not weights")
    assert kept_files.keep(places / "run", experiment("faces64"), registry()) == {}
