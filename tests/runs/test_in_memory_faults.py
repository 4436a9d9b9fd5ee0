"""Pictures from memory that cannot be used."""

import pytest
import torch

import invprob
from invprob.errors import BadInput


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        ([], "truth is empty"),
        (torch.eye(8).expand(1, 8, 8).to_sparse(), "truth is a sparse tensor"),
        (
            [torch.zeros(1, 8, 8), torch.zeros(1, 8, 12)],
            "several sizes: .* 12×8 pixels, others 8×8",
        ),
    ],
)
def test_truths_that_cannot_be_used_are_named(truth, words):
    with pytest.raises(BadInput, match=words):
        invprob.solve(truth=truth, operator="identity", solver="tv:steps=2")
