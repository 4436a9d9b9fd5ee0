"""The script that trains on a machine lent for minutes, with its smallest networks on a CPU."""

import zipfile

import pytest
import torch

from benchmarks.recipes import gpu, gpu_generator, gpu_prior
from invprob import tree
from invprob.io import image_dataset, tensor_files
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture, Carry
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
    priors = [f"--prior={stage}:0.02" for stage in (1, 3)]
    models = [
        "--generator",
        str(tmp_path / "generator.safetensors"),
        "--encoder",
        str(tmp_path / "encoder.safetensors"),
    ]
    out = tmp_path / "priors"
    small = ["--small", "--steps", "3", "--batch", "8"]
    gpu_prior.main([str(picture_folder), *models, "--out", str(out), *priors, *small])
    codes = tensor_files.read(out / "codes-0.safetensors")[0]["w"].float()
    assert codes.shape[1:] == (G.codes, 16)
    for stage in (1, 3):
        path = out / f"prior-{stage}.safetensors"
        prior = LatentScore.pretrained(path, stage=stage, generator=G)
        assert float(prior.net.outward[0].weight.abs().max()) > 1e-4
        # it is normalised by what the codes lead to
        x = gpu_prior.deep(G, codes, stage) if stage > 1 else Carry(w=codes, noise=())
        spread = [float(leaf.std()) for _, leaf in tree.items(prior.normalise(x))]
        assert all(0.5 < s < 2 for s in spread)


def test_an_inversion_comes_nearer_than_the_encoder(picture_folder):  # noqa: F811
    arch = Architecture(resolution=32, z_dim=8, w_dim=8, channel_base=128, channel_max=8)
    G, E = StyleGAN2(arch, seed=1).requires_grad_(False), Encoder(arch, stage=1)
    pictures = image_dataset.read(picture_folder, 3)[0][:4]
    invert = gpu_prior.Inverter(G, E, 4, sigma=0.02)
    first, last = (invert(pictures, steps)[1] for steps in (1, 40))
    assert float(last.mean()) < 0.7 * float(first.mean())


def test_pictures_that_arrive_are_learned_from(picture_folder, tmp_path):  # noqa: F811
    arriving = gpu_generator.Arriving(tmp_path, 3)
    assert arriving.take() is None
    begun = tmp_path / "part.zip"
    begun.write_bytes(b"PK\x03\x04 and so on")
    assert arriving.take() is None
    assert arriving.reading is None
    with zipfile.ZipFile(begun, "w") as archive:
        for path in sorted(picture_folder.rglob("*.png"))[:2]:
            archive.write(path, path.name)
    assert arriving.take() is None
    arriving.reader.shutdown()
    found = arriving.take()
    assert found is not None
    assert found.shape[:2] == (2, 3)
    assert arriving.take() is None
