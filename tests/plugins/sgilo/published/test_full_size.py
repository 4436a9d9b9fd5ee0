"""The published setup at its full size: a 1024×1024 generator and two score networks of 280 MB."""

import resource
import subprocess
import sys

import pytest
import torch

from invprob.io import images
from tests.plugins.sgilo.published.layouts import (
    Spec,
    nvlabs_tree,
    random_weights,
    score_weights,
    write_pickle,
)

FULL = Spec(
    resolution=1024, base=32768, most=512, z=512, w=512, layers=8, clamp=256.0, half=4
)  # FFHQ of stylegan2-ada
NET = {"channels": 512, "width": 1024, "depth": 8, "inner": 64, "hidden": 4096}


@pytest.mark.slow
def test_sgilo_solves_at_1024_within_24_gib(tmp_path):
    write_pickle(tmp_path / "ffhq.pkl", nvlabs_tree(FULL, random_weights(FULL)))
    # small, so that random networks do not throw the chains out of all bounds
    for name, tokens in (("latent", 18), ("layer1", 16)):
        net = score_weights(tokens=tokens, **NET)
        torch.save({k: v * 0.02 for k, v in net.items()}, tmp_path / f"{name}.pth")
    face = torch.rand(3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    images.write_png(tmp_path / "face.png", face)
    command = [
        *(sys.executable, "-m", "invprob", "solve", "face.png", "--samples", "1", "--out", "out"),
        *("--solver", "sgilo:stages=1,2,steps=2,8,fisher_probes=2"),
        *("--generator", "stylegan2:weights=ffhq.pkl,codes=gaussian,carry_rgb=false"),
        *("--prior", "1=published-score:codes=latent.pth"),
        *("--prior", "2=published-score:codes=latent.pth,features=layer1.pth"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "summary.png").is_file()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"peak {peak:.1f} GiB")
    assert peak < 24
