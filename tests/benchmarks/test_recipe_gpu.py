"""The script that trains on a machine lent for minutes, with its smallest networks on a CPU."""

import pytest
import torch

from benchmarks.recipes import gpu, gpu_generator
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from tests.plugins.sgilo.conftest import picture_folder  # noqa: F401 (a fixture)


def test_large_files_come_in_pieces_that_join(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "PIECE", 10)
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir(), out.mkdir()
    (work / "large.safetensors").write_bytes(bytes(range(25)))
    (work / "small.png").write_bytes(b"1234567890")
    gpu.deliver(work, out, ("*.safetensors", "*.png"))
    names = sorted(path.name for path in out.iterdir())
    parts = [f"large.safetensors.part-{i:03d}" for i in range(3)]
    assert names == [*parts, "small.png"]
    assert b"".join((out / part).read_bytes() for part in parts) == bytes(range(25))


def test_workers_render_different_faces():
    ranges = [range(*gpu.seeds_of(i, 5)) for i in range(4)]
    assert sorted(seed for r in ranges for seed in r) == list(range(100_000, 100_020))


@pytest.mark.slow
def test_it_trains_within_its_minutes(picture_folder, tmp_path):  # noqa: F811
    common = ["--minutes", "1.5", "--smoke"]
    out = tmp_path / "generator"
    gpu.main(["generator", str(picture_folder), "--out", str(out), *common])
    weights = out / "generator.safetensors"
    assert StyleGAN2.pretrained(weights).arch.channel_max == 16
    assert (out / "checkpoint.pt").is_file() or (out / "checkpoint.pt.part-000").is_file()
    prior = tmp_path / "prior"
    gpu.main(["prior", "-", "--weights", str(weights), "--out", str(prior), *common])
    G = StyleGAN2.pretrained(weights)
    found = LatentScore.pretrained(prior / "prior.safetensors", stage=3, generator=G)
    assert torch.isfinite(next(found.net.parameters())).all()


SMALL = {"channel_base": 128, "channel_max": 8, "z_dim": 16, "w_dim": 16, "batch": 4}


def test_a_step_whose_draws_are_its_own_trains_all_networks(picture_folder, tmp_path):  # noqa: F811
    changed = [text for item in SMALL.items() for text in ("--set", "{}={}".format(*item))]
    gpu_generator.main([str(picture_folder), "--out", str(tmp_path), "--minutes", "0.1", *changed])
    G = StyleGAN2.pretrained(tmp_path / "generator.safetensors")
    E = Encoder.pretrained(tmp_path / "encoder.safetensors")
    first = StyleGAN2(G.arch, seed=0)
    pairs = zip(G.parameters(), first.parameters(), strict=True)
    moved = [float((a - b).detach().abs().max()) for a, b in pairs]
    assert sum(m > 1e-3 for m in moved) > 0.8 * len(moved)
    z, u = E(torch.rand(2, *G.image_shape))
    assert z.shape == (2, 16)
    assert u["w"].shape == (2, G.codes, 16)
