"""Priors: weights come through our reader, and fit or are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from invprob_deepinv.prior import drunet
from invprob_deepinv.prior_params import DRUNetParams

from invprob.errors import BadWeights

SMALL = {"channels": [4, 4, 8, 8], "blocks": 1}


def made(weights: Any) -> Any:
    return drunet(DRUNetParams.parse({"weights": str(weights), **SMALL}), None, 0)


def test_weights_are_those_of_the_file(tmp_path):
    network = made("untrained").network
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(2)
    torch.save(network.state_dict(), tmp_path / "drunet.pth")
    read = made(tmp_path / "drunet.pth").network.state_dict()
    assert all(torch.equal(read[k], v) for k, v in network.state_dict().items())


def test_other_files_are_refused(tmp_path):
    with pytest.raises(BadWeights, match="there are no weights"):
        made(tmp_path / "missing.pth")
    torch.save({"m_head.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(BadWeights, match="do not fit the architecture"):
        made(tmp_path / "other.pth")
    torch.save([torch.zeros(8)], tmp_path / "list.pth")
    with pytest.raises(BadWeights, match="does not hold a table of tensors"):
        made(tmp_path / "list.pth")
