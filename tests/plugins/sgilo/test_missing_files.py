"""Files that trainers read: one that is missing is said before anything runs."""

import pytest

from invprob import cli
from invprob.errors import BadInput
from invprob_sgilo.stylegan2.training.params import GeneratorTraining
from invprob_sgilo.stylegan2.training.train import train
from tests.plugins.sgilo.stylegan2.training.test_parts import TINY

ENCODED = ["prior", "faces64", "--latents", "encoded", "--data", "."]


@pytest.mark.parametrize(
    "words",
    [
        ["prior", "faces64", "--start", "missing"],
        [*ENCODED, "--encoder", "missing"],
        ["encoder", ".", "--start", "missing"],
        ["generator", ".", "--start", "missing"],
        ["generator", ".", "--reconstruction", "1", "--encoder", "missing"],
    ],
)
def test_the_command_line_names_it(words, tmp_path, capsys):
    assert cli.call(["train", *words, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "error: there is no file or folder missing\nhint: check the path\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_not_there_is_not_called_damaged(picture_folder, tmp_path):
    params = GeneratorTraining(**TINY, start=str(tmp_path / "missing.pt"))
    with pytest.raises(BadInput, match=r"missing\.pt cannot be read: no such file"):
        next(train(params, picture_folder, tmp_path / "out"))
