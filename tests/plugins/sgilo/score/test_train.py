"""Training of latent score priors: what is learned from, resume, noise schedules, weighting."""

import json
from pathlib import Path

import pytest
import torch

from invprob import tree
from invprob.diffusion.schedules import SCHEDULES
from invprob.errors import BadInput, BadParams, Incompatible
from invprob.generator import Identity
from invprob.io import chunked, images, tensor_files
from invprob.latents import stages
from invprob.latents.inversion import invert, psnr
from invprob.latents.inversion_dataset import Inversions
from invprob.latents.inverted import read
from invprob.latents.params import InversionParams
from invprob_sgilo.score import representation_error
from invprob_sgilo.score.checkpoint import Size
from invprob_sgilo.score.latents import Encoded, Inverted, Synthetic, latents_of
from invprob_sgilo.score.params import PriorTraining
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.score.train import times, train
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2

PRIOR = {"stage": 2, "steps": 4, "batch": 4, "width": 16, "depth": 1, "heads": 2}
CPU = torch.device("cpu")


@pytest.fixture
def G(weights_file):
    return StyleGAN2.pretrained(weights_file)


def data_set(out, G, found, **params):
    files = found if isinstance(found, tuple) else images.gather(found)
    settings = InversionParams(**({"stage": 2, "steps": 3, "batch": 8} | params))
    work = Inversions(out, G, tuple(files), settings, CPU)
    work.begin()
    for k in chunked.left(work):
        work.solve(k)
    return [psnr for k in range(len(work.cut)) for psnr in work.psnrs(k)]


@pytest.fixture
def inverted(tmp_path, G, picture_folder):
    data_set(tmp_path / "data", G, [picture_folder])
    return {"latents": "inverted", "data": str(tmp_path / "data"), "held_out": 0.2}


@pytest.mark.parametrize(
    "other", [{"codes": "gaussian"}, {"truncation": 0.2}, {"carry_rgb": False}]
)
def test_inversions_by_a_generator_of_other_options_are_refused(
    tmp_path, weights_file, picture_folder, other
):
    """With the same weights, their codes mean something else."""
    usual, odd = (StyleGAN2.pretrained(weights_file, **given) for given in ({}, other))
    like = stages.draws(usual, 2, [0], "like")
    for made, asked in ((usual, odd), (odd, usual)):
        out = tmp_path / f"by-{'usual' if made is usual else 'odd'}"
        data_set(out, made, [picture_folder], steps=1)
        assert read(out, made, 2, stages.draws(made, 2, [0], "like"))
        with pytest.raises(BadInput, match="by other weights or options"):
            read(out, asked, 2, like)
        with pytest.raises(BadInput, match="holds inversions of other images, parameters or"):
            data_set(out, asked, [picture_folder], steps=1)


@pytest.fixture
def encoded(tmp_path, G, picture_folder):
    E = Encoder(G.arch, stage=2)
    E.follow(stages.draws(G, 2, list(range(64)), "like"), 1.0)
    E.save(tmp_path / "encoder.safetensors", {})
    encoder = str(tmp_path / "encoder.safetensors")
    return {
        "latents": "encoded",
        "data": str(picture_folder),
        "encoder": encoder,
        "held_out": 0.2,
    }


def checkpoint(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


@pytest.mark.parametrize("kind", ["synthetic", "inverted", "encoded"])
def test_a_training_is_taken_up_with_the_same_bits(kind, weights_file, tmp_path, request):
    extra = {} if kind == "synthetic" else request.getfixturevalue(kind)
    params = PriorTraining(**PRIOR, **extra, validate_every=2)
    list(train(params, weights_file, tmp_path / "whole"))
    records = train(params, weights_file, tmp_path / "parts")
    next(records)
    records.close()
    list(train(params, weights_file, tmp_path / "parts"))
    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    for name, value in whole["ema"].items():
        assert torch.equal(value, parts["ema"][name]), name
    files = [tmp_path / out / "prior.safetensors" for out in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_training_that_is_cut_short_is_written(weights_file, tmp_path):
    long = PriorTraining(**PRIOR | {"steps": 50})
    records = train(long, weights_file, tmp_path)
    next(records)
    records.close()
    assert not (tmp_path / "prior.safetensors").exists()
    list(train(long.model_copy(update={"steps": 5}), weights_file, tmp_path))
    about = json.loads(tensor_files.read(tmp_path / "prior.safetensors")[1]["figures"])
    assert about.keys() == {"loss", "held-out loss"}


def test_when_it_writes_may_change_on_the_way(weights_file, tmp_path):
    list(train(PriorTraining(**PRIOR), weights_file, tmp_path))
    other = {"steps": 6, "validate_every": 3, "checkpoint_seconds": 60}
    seen = list(train(PriorTraining(**PRIOR | other), weights_file, tmp_path))
    assert [record.step for record in seen] == [6]


@pytest.mark.parametrize("sde", SCHEDULES)
@pytest.mark.parametrize("weighting", ["uniform", "likelihood"])
def test_every_schedule_and_weighting_trains_and_is_read_back(
    sde, weighting, weights_file, tmp_path, G
):
    params = PriorTraining(**PRIOR, sde=sde, weighting=weighting)
    records = list(train(params, weights_file, tmp_path))
    assert 0 < records[-1].figures["held-out loss"] < 3
    prior = LatentScore.pretrained(tmp_path / "prior.safetensors", stage=2, generator=G)
    assert prior.size.sde == sde
    t = torch.tensor([0.5])
    assert torch.equal(torch.stack(prior.schedule(t)), torch.stack(SCHEDULES[sde](t)))


def test_a_stage_without_a_prior_is_refused(weights_file, tmp_path):
    with pytest.raises(BadParams, match="stage 9"):
        next(train(PriorTraining(**{**PRIOR, "stage": 9}), weights_file, tmp_path))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": "d"}, "data=d has no effect with latents=synthetic; say latents=inverted or"),
        ({"latents": "inverted", "data": "d", "encoder": "e"}, "encoder=e has no effect"),
    ],
)
def test_a_parameter_without_effect_is_refused(given, said):
    with pytest.raises(BadParams, match=said):
        PriorTraining.parse(given, "trainer prior")


def test_a_network_that_no_machine_holds_is_refused():
    with pytest.raises(BadParams, match=r"1 blocks of width 2000000 take 2[0-9]+\.[0-9] GiB"):
        PriorTraining.parse({**PRIOR, "width": 2_000_000}, "trainer prior")


def test_heads_and_patches_that_do_not_divide_are_refused(weights_file, tmp_path):
    with pytest.raises(BadParams, match="heads=5 does not divide width=16"):
        PriorTraining.parse({**PRIOR, "heads": 5}, "trainer prior")
    for patch in (3, 8):
        with pytest.raises(BadParams, match=f"patch={patch} does not divide the 4×4 features"):
            next(train(PriorTraining(**PRIOR, patch=patch), weights_file, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sde", SCHEDULES)
def test_likelihood_weighting_draws_times_by_their_weight(sde, G):
    """The error of the score weighs g²/2; so much more of it falls to small times."""
    net = LatentScore(stages.draws(G, 1, range(4), "x"), Size(16, 1, 2, sde=sde))
    part = (torch.arange(1000) + 0.5) / 1000
    t = times(net, part, "likelihood")
    assert float(t.min()) >= net.t_min - 1e-6
    assert float(t.max()) <= 1 + 1e-6
    assert bool((t.diff() > 0).all())
    assert float(t.median()) < 0.6 * float(times(net, part, "uniform").median())
    if sde == "vp":
        # the weight is ½ g² α²/σ², so the quantiles are linear in log(1/σ² − 1) up to α²
        alpha, sigma = net.schedule(t)
        beta = 0.1 + 19.9 * t
        weight = beta * alpha**2 / sigma**2
        density = 1 / (t[2:] - t[:-2])
        ratio = density / weight[1:-1]
        middle = ratio[200:900]
        assert float(middle.std() / middle.mean()) < 0.05


def test_what_is_held_out_is_shown_by_no_step(G, inverted):
    params = PriorTraining(**{**PRIOR, "stage": 2}, **inverted)
    source = Inverted(G, params)
    held = {tuple(row.flatten().tolist()) for row in source.held_out().h}
    shown = {tuple(row.flatten().tolist()) for step in range(30) for row in source.batch(step).h}
    assert len(held) == 4
    assert not held & shown
    fixed = Synthetic(G, params)
    for u, v in zip(tree.leaves(fixed.held_out()), tree.leaves(fixed.held_out()), strict=True):
        assert torch.equal(u, v)


def test_a_deeper_stage_goes_on_from_the_latents_of_the_data_set(G, inverted):
    first = Inverted(G, PriorTraining(**{**PRIOR, "stage": 2}, **inverted))
    deeper = Inverted(G, PriorTraining(**{**PRIOR, "stage": 3}, **inverted))
    with torch.no_grad():
        expected = G(first.held_out(), start=2, stop=3)
    for u, v in zip(tree.leaves(deeper.held_out()), tree.leaves(expected), strict=True):
        assert torch.equal(u, v)
    assert len(deeper.moments().h) == len(deeper.train)


def test_folders_are_held_out_as_a_whole(G, picture_folder, tmp_path):
    for i, path in enumerate(sorted(picture_folder.iterdir())):
        group = tmp_path / "sorted" / f"kind{i % 5}"
        group.mkdir(parents=True, exist_ok=True)
        (group / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "data"
    data_set(out, G, sorted((tmp_path / "sorted").iterdir()), steps=2, batch=32)
    params = PriorTraining(**PRIOR, latents="inverted", data=str(out), held_out=0.2)
    source = Inverted(G, params)
    groups = json.loads((out / "inversions.json").read_text())["groups"]
    assert len({groups[i] for i in source.validation}) == 1
    assert len(source.validation) == 4


def test_what_pictures_have_beyond_is_learned(G, inverted, weights_file, picture_folder, tmp_path):
    """Their mean, the components of the rest, and what is left; resumed with the same bits."""
    params = PriorTraining(**PRIOR, **inverted, pictures=str(picture_folder), error_rank=3)
    errors = Inverted(G, params).errors(picture_folder)
    with torch.no_grad():
        source = Inverted(G, params)
        one = tree.map(lambda leaf: leaf[source.train[:1]], source.x)
        picture = images.read(sorted(picture_folder.iterdir())[int(source.train[0])])
        torch.testing.assert_close(
            errors[0].float(), picture - G(one, start=2)[0], atol=1e-3, rtol=0
        )
    list(train(params, weights_file, tmp_path / "whole"))
    path = tmp_path / "whole" / "prior.safetensors"
    prior = LatentScore.pretrained(path, stage=2, generator=G)
    found, x = prior.representation_error, errors.flatten(1).double()
    torch.testing.assert_close(found.mean, errors.double().mean(0).float(), atol=1e-3, rtol=0)
    variances = torch.linalg.svdvals(x - x.mean(0)).square() / len(x)
    rest = variances[3:].sum() / (x.shape[1] - 3)
    assert float(found.rest) == pytest.approx(float(rest), rel=0.02)
    torch.testing.assert_close(
        (found.excess + found.rest).double(), variances[:3], rtol=0.02, atol=0
    )
    norms = found.components.flatten(1) @ found.components.flatten(1).T
    torch.testing.assert_close(norms, torch.eye(3), atol=0.02, rtol=0)

    records = train(params, weights_file, tmp_path / "parts")
    next(records)
    records.close()
    list(train(params, weights_file, tmp_path / "parts"))
    assert (tmp_path / "parts" / "prior.safetensors").read_bytes() == path.read_bytes()


def test_pictures_that_were_not_inverted_are_refused(
    inverted, weights_file, picture_folder, tmp_path
):
    (tmp_path / "few").mkdir()
    for path in sorted(picture_folder.iterdir())[:5]:
        (tmp_path / "few" / path.name).write_bytes(path.read_bytes())
    given = PRIOR | inverted | {"pictures": str(tmp_path / "few"), "error_rank": 3}
    with pytest.raises(BadInput, match=r"few holds nothing where .* holds the latent of 05"):
        list(train(PriorTraining(**given), weights_file, tmp_path / "out"))
    given |= {"pictures": str(picture_folder), "error_rank": 15}
    with pytest.raises(BadParams, match="error_rank=15 components of 16 pictures"):
        list(train(PriorTraining(**given), weights_file, tmp_path / "out"))
    assert [representation_error.rank(None, count) for count in (16, 5000)] == [4, 300]
    with pytest.raises(ValueError, match="pictures=p has no effect with latents=synthetic"):
        PriorTraining(**PRIOR, pictures="p")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": None}, "without data"),
        ({"stage": 1}, "latents of stage 2, not 1"),
        ({"data": "nowhere"}, "holds no inversions"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(change, said, G, inverted):
    with pytest.raises((BadParams, BadInput), match=said):
        Inverted(G, PriorTraining(**{**PRIOR, **inverted, **change}))


@pytest.mark.parametrize("kind", ["inverted", "encoded"])
def test_one_latent_is_too_few_to_learn_from(kind, G, request):
    given = PRIOR | request.getfixturevalue(kind) | {"held_out": 0.95}
    with pytest.raises(BadParams, match="20 images, too few to learn from two"):
        latents_of(G, PriorTraining(**given))


def test_a_data_set_of_other_weights_is_refused(G, inverted):
    G.mapping.layers[0].weight.data += 1
    with pytest.raises(BadInput, match="other weights"):
        Inverted(G, PriorTraining(**PRIOR, **inverted))


def test_inversions_are_gone_on_with(tmp_path, G, picture_folder):
    """Of three shards two are there: the third is made, the others are not touched."""
    whole = data_set(tmp_path / "whole", G, [picture_folder])
    assert len(whole) == 20
    out = tmp_path / "parts"
    files = tuple(images.gather([picture_folder]))
    begun = Inversions(out, G, files, InversionParams(stage=2, steps=3, batch=8), CPU)
    begun.begin()
    begun.solve(0)
    first = out / "latents-00000.safetensors"
    before = first.stat().st_mtime_ns
    with pytest.raises(BadInput, match="8 of 20"):
        read(out, G, 2, stages.draws(G, 2, [0], "like"))
    assert data_set(out, G, [picture_folder]) == whole
    assert first.stat().st_mtime_ns == before
    for number in range(3):
        name = f"latents-{number:05d}.safetensors"
        a, b = tensor_files.read(tmp_path / "whole" / name)[0], tensor_files.read(out / name)[0]
        assert all(torch.equal(a[key], b[key]) for key in a)
    with pytest.raises(BadInput, match="other images, parameters or weights"):
        data_set(out, G, [picture_folder], steps=4)


def test_inversion_finds_a_latent_that_the_generator_made(G):
    x = stages.draws(G, 1, range(3), "truth")
    pictures = G(x, start=1)
    first = last = None
    for last in invert(G, pictures, 1, steps=120):
        first = first or last
    assert bool((last.psnr > first.psnr + 8).all())
    one = list(invert(G, pictures[1:2], 1, steps=120))[-1]
    assert torch.allclose(one.x.w[0], last.x.w[1], atol=0.05)


def test_a_penalty_keeps_what_the_picture_leaves_open(G):
    x = stages.draws(G, 1, [0], "truth")
    stiff, free = (list(invert(G, G(x, start=1), 1, steps=60, weight=w))[-1].x for w in (1e4, 0.0))
    mean, spread = stages.moments(G, 1)
    far = [float(((x.w - mean.w) / spread.w).abs().mean()) for x in (stiff, free)]
    assert far[0] < 0.7 * far[1]


@pytest.mark.parametrize("stage", [2, 3])
def test_encoded_latents_are_those_of_the_pictures(stage, G, encoded):
    source = Encoded(G, PriorTraining(**(PRIOR | encoded | {"stage": stage})))
    x, again, other = source.batch(3), source.batch(3), source.batch(4)
    like = stages.draws(G, stage, [0, 1, 2, 3], "like")
    for (name, a), (_, b), (_, c), (_, d) in zip(
        tree.items(x), tree.items(again), tree.items(other), tree.items(like), strict=True
    ):
        assert a.shape == d.shape, name
        assert torch.equal(a, b), name
        assert not torch.equal(a, c), name
    assert set(source.train.tolist()).isdisjoint(source.validation.tolist())


def test_encoded_latents_need_an_encoder_that_fits(G, encoded, tmp_path):
    for missing in ("data", "encoder"):
        with pytest.raises(BadParams, match="needs pictures and an encoder"):
            Encoded(G, PriorTraining(**(PRIOR | encoded | {missing: None})))
    with pytest.raises(BadParams, match="of another generator, or of one after stage 1"):
        Encoded(G, PriorTraining(**(PRIOR | encoded | {"stage": 1})))


def test_an_inversion_starts_where_the_encoder_finds_it(G, encoded, picture_folder, tmp_path):
    files = tuple(images.gather([picture_folder]))[:3]
    shown = torch.stack([file.read(3) for file in files])
    encoder = Path(encoded["encoder"])
    found = G.encode(encoder, shown, 2)
    assert [float(leaf.abs().max()) for leaf in found.noise] == [0.0] * len(found.noise)
    at_once = next(invert(G, shown, 2, steps=5, encoder=encoder)).psnr
    error = (G(found, start=2) - shown).square().flatten(1)
    assert torch.allclose(at_once, psnr(error), atol=1e-4)
    written = data_set(tmp_path / "one", G, files, steps=1, encoder=encoded["encoder"])
    assert written == [round(float(p), 3) for p in at_once]
    assert written != data_set(tmp_path / "mean", G, files, steps=1)
    with pytest.raises(BadInput, match="other images, parameters or weights"):
        data_set(tmp_path / "one", G, files, steps=1)


def test_an_encoder_that_does_not_fit_is_refused(G, encoded, picture_folder):
    shown, path = torch.zeros(1, *G.image_shape), Path(encoded["encoder"])
    with pytest.raises(BadParams, match="after stage 1"):
        G.encode(path, shown, 1)
    G.gaussianise(torch.zeros(G.arch.w_dim), torch.ones(G.arch.w_dim))
    with pytest.raises(Incompatible, match="Gaussian codes"):
        G.encode(path, shown, 2)
    with pytest.raises(Incompatible, match="Identity does not know encoders"):
        Identity((3, 8, 8)).encode(path, shown, 0)


def test_a_training_begins_with_another(weights_file, tmp_path):
    list(train(PriorTraining(**PRIOR), weights_file, tmp_path / "first"))
    start = str(tmp_path / "first" / "prior.safetensors")
    further = PriorTraining(**{**PRIOR, "steps": 1}, start=start, lr=1e-9, seed=1)
    list(train(further, weights_file, tmp_path / "further"))
    first, further = (
        tensor_files.read(tmp_path / name / "prior.safetensors")[0] for name in ("first", "further")
    )
    for name, value in first.items():
        assert torch.allclose(value, further[name], atol=1e-6), name
    wider = PriorTraining(**{**PRIOR, "width": 32}, start=start)
    with pytest.raises(BadParams, match="width=16"):
        next(train(wider, weights_file, tmp_path / "wider"))
