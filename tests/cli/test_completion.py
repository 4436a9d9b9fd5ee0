"""What Tab offers, on the plugins of this project."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from invprob import cli
from invprob.cli import root


def offered(*words):
    """The texts offered for the last word; None stands for files."""
    shell = ShellComplete(root, {}, "invprob", "_INVPROB_COMPLETE")
    found = shell.get_completions(list(words[:-1]), words[-1])
    return [None if item.type == "file" else item.value for item in found]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["sol"], ["solve"]),
        (["solve", "--solver", "sg"], ["sgilo", "sgilo-released"]),
        (["solve", "--solver", "sgilo:st"], ["sgilo:stages=", "sgilo:steps="]),
        (["solve", "--solver", "sgilo:stages=1,metr"], ["sgilo:stages=1,metropolis="]),
        (["solve", "--solver", "sgilo:metropolis="], ["sgilo:metropolis=density"]),
        (["solve", "--operator", "blur:sigma=2|superres:f"], ["blur:sigma=2|superres:factor="]),
        (["solve", "--prior", "3=latent"], ["3=latent-score"]),
        (["solve", "--generator", "stylegan2:weights=fr"], ["stylegan2:weights=fruits64"]),
        (["solve", "--set", "sol"], ["solver="]),
        (["solve", "--solver", "ilo", "--set", "solver.ste"], ["solver.steps="]),
        (["show", "so"], ["solver"]),
        (["show", "solver", "cs"], ["csgm"]),
        (["list", "pri"], ["prior"]),
        (["check", "pixel"], ["pixel-diffusion"]),
        (["train", "diff"], ["diffusion"]),
        (["weights", "verify", "ffhq-d"], ["ffhq-ddpm"]),
        (["solve", "--noise", "gaussian:sigma="], []),
        (["solve", "--solver", "nobody:"], []),
    ],
)
def test_components_parameters_and_values_are_offered(words, some):
    found = offered(*words)
    assert set(some) <= set(found)
    assert bool(found) == bool(some)
    assert all(item.startswith(words[-1]) for item in found)


@pytest.mark.parametrize(
    "words", [["solve", "pho"], ["solve", "--measurement", "y"], ["invert", ""]]
)
def test_files_are_completed(words):
    assert offered(*words) == [None]


def test_files_behind_a_parameter_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hole.png").touch()
    (tmp_path / "holes").mkdir()
    found = offered("solve", "--operator", "inpaint:mask=ho")
    assert found == ["inpaint:mask=hole.png", "inpaint:mask=holes/"]


def test_the_entry_point_answers_the_shell(monkeypatch, capsys):
    monkeypatch.setenv("_INVPROB_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "invprob show solver il")
    monkeypatch.setenv("COMP_CWORD", "3")
    with pytest.raises(SystemExit):
        cli.call([])
    assert capsys.readouterr().out == "plain,ilo\n"
