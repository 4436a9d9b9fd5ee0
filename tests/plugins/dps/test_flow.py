"""Rectified flow: a velocity at the times of FlowMatchEulerDiscreteScheduler."""

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, FlowMatchEulerDiscreteScheduler

from invprob.errors import BadWeights
from invprob_dps import PixelDiffusion
from tests.plugins.dps.latent_folders import change, unet


@pytest.fixture
def flow(tmp_path):
    """Diffusers has no pipeline for pixels and flows; people write the one of DDPM."""
    folder, scheduler = tmp_path / "flow", FlowMatchEulerDiscreteScheduler(shift=3.0)
    DDPMPipeline(unet(), DDPMScheduler()).save_pretrained(folder)
    (folder / "scheduler" / "scheduler_config.json").unlink()
    scheduler.save_pretrained(folder / "scheduler")
    name = "FlowMatchEulerDiscreteScheduler"
    change(folder / "model_index.json", scheduler=["diffusers", name])
    return folder, scheduler


def test_steps_are_those_of_diffusers(flow):
    """Euler steps of the velocity over all of diffusers' own times, which are shifted."""
    folder, scheduler = flow
    model, net = PixelDiffusion.pretrained(folder), unet()
    scheduler.set_timesteps(5)
    u = torch.randn(2, 3, 4, 4)
    for i, step in enumerate(scheduler.timesteps):
        now, then = scheduler.sigmas[i], scheduler.sigmas[i + 1]
        with torch.no_grad():
            theirs = scheduler.step(net(u, step).sample, step, u).prev_sample
        t = (now / (1 - 1 / 1000)).expand(2).clamp_max(1)
        clean = model.denoise(u, t)
        alpha, sigma = (v[0] for v in model.schedule(t))
        velocity = (u - clean) / sigma
        assert float(alpha + sigma) == pytest.approx(1, abs=1e-6)
        if i:  # at the first their time is 1, ours 0.999
            assert float((u + (then - now) * velocity - theirs).abs().max()) < 1e-5
        u = theirs


def test_a_network_that_knows_the_answer_denoises(flow):
    model = PixelDiffusion.pretrained(flow[0])
    for parameter in model.net.parameters():
        parameter.data.zero_()
    u, t = torch.randn(1, 3, 4, 4), torch.tensor([0.3])
    assert torch.equal(model.denoise(u, t), u), "no velocity leaves u where it is"
    alpha, sigma = model.schedule(torch.linspace(0, 1, 5))
    assert float(alpha.min()) == pytest.approx(1e-3, rel=1e-3)
    assert bool((sigma.diff() > 0).all())


@pytest.mark.parametrize(
    ("file", "values", "said"),
    [
        ("scheduler/scheduler_config", {"invert_sigmas": True}, "has invert_sigmas True"),
        ("scheduler/scheduler_config", {"num_train_timesteps": None}, "steps of training|not say"),
        ("model_index", {"scheduler": ["diffusers", "DDPMScheduler"]}, "not of DDPM's family"),
    ],
)
def test_other_flows_are_refused(flow, file, values, said):
    change(flow[0] / f"{file}.json", **values)
    with pytest.raises(BadWeights, match=said):
        PixelDiffusion.pretrained(flow[0])
