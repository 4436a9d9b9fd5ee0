"""Converted U-Nets of guided diffusion are the published function, and each constant matters."""

import pytest
import torch
from diffusers import UNet2DModel

from invprob.io import tensor_files
from invprob_dps.guided_diffusion import unet
from invprob_dps.guided_diffusion.convert import GuidedDiffusion
from invprob_dps.guided_diffusion.tensors import rules
from invprob_dps.params import GuidedDiffusionParams
from invprob_dps.prior import PixelDiffusion
from tests.plugins.dps.guided_diffusion.guided_equations import predicted
from tests.plugins.dps.guided_diffusion.guided_layout import (
    FFHQ,
    IMAGENET,
    UNet,
    random_unet,
    shapes,
)

SIDE = 16
SPECS = {
    "as of FFHQ": UNet(),
    "without variances": UNet(learned=False),
    "two blocks": UNet(blocks=2, multipliers=(1, 2), attention=(1,)),
    "attention everywhere": UNet(attention=(0, 1, 2), head=32),
    "attention in the middle": UNet(attention=()),
    "attention in between": UNet(attention=(1,), multipliers=(1, 1, 3)),
    "shift alone": UNet(scale_shift=False),
    "resampled by convolution": UNet(residual=False, blocks=2, attention=(0, 2)),
    "as of improved diffusion": UNet(
        scale_shift=False, residual=False, attention=(1, 2), colours=1
    ),
    "one level": UNet(multipliers=(1,), attention=(0,), blocks=2),
}


def converter(head=16, **params):
    return GuidedDiffusion(GuidedDiffusionParams(image_size=SIDE, head_channels=head, **params))


def model(tmp_path, spec, tensors, **params):
    """The prior of the converted file."""
    made = converter(spec.head, **params).convert(tensors)
    tensor_files.write(tmp_path / "m.safetensors", made.tensors, made.metadata)
    return PixelDiffusion.pretrained(tmp_path / "m.safetensors")


def asked(colours=3):
    u = torch.randn(3, colours, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    return u, torch.tensor([0.0, 250.0, 999.0])


def apart(a, b):
    return float((a.double() - b.double()).abs().max() / b.double().abs().max())


@pytest.mark.parametrize("name", SPECS)
def test_the_network_is_the_published_one(tmp_path, name):
    spec = SPECS[name]
    tensors = random_unet(spec)
    prior = model(tmp_path, spec, tensors)
    u, step = asked(spec.colours)
    wanted = predicted(spec, tensors, u, step)
    with torch.no_grad():
        assert wanted.shape[1] == spec.colours * (1 + spec.learned)
        assert apart(prior.net(u, step).sample, wanted) < 1e-5
        assert torch.equal(prior.predict(u, step), prior.net(u, step).sample[:, : spec.colours])
    assert prior.image_shape == (spec.colours, SIDE, SIDE)


@pytest.mark.parametrize("order", ["legacy", "new"])
@pytest.mark.parametrize("heads", [None, 2, 4])
@pytest.mark.parametrize("attention", [(1, 2), (0, 1, 2)])
def test_heads_of_a_fixed_number_and_the_new_order_of_rows(tmp_path, heads, order, attention):
    """As the defaults of guided diffusion and all of improved diffusion have them."""
    spec = UNet(multipliers=(1, 2, 3), attention=attention)
    tensors = random_unet(spec)
    say = {"attention_order": order, "image_size": SIDE}
    say |= {"head_channels": 16} if heads is None else {"num_heads": heads}
    made = GuidedDiffusion(GuidedDiffusionParams(**say)).convert(tensors)
    tensor_files.write(tmp_path / "m.safetensors", made.tensors, made.metadata)
    prior = PixelDiffusion.pretrained(tmp_path / "m.safetensors")
    u, step = asked()
    rows = {"legacy": "q, k, v in each head", "new": "q, k and v one after the other"}
    with torch.no_grad():
        found = prior.net(u, step).sample
    right = {"head": 16, "heads": heads, "order": rows[order]}
    other = {"heads": 8, "head": 8}
    assert apart(found, predicted(spec, tensors, u, step, **right)) < 1e-5
    assert apart(found, predicted(spec, tensors, u, step, **{**right, **other})) > 1e-3
    swapped = {"legacy": rows["new"], "new": rows["legacy"]}[order]
    assert apart(found, predicted(spec, tensors, u, step, **{**right, "order": swapped})) > 1e-3


WRONG = {
    "order of q, k and v": {"order": "q, k and v one after the other"},
    "number of heads": {"head": 32},
    "scale of attention": {"power": 0.0},
    "cosines first": {"cosines_first": False},
    "frequencies": {"shift": 1},
    "one plus scale": {"one": 0.0},
    "scale before shift": {"scale_first": False},
    "epsilon": {"eps": 1e-6},
    "memory last": {"memory_last": False},
    "groups": {"groups": 16},
}


@pytest.mark.parametrize("what", WRONG)
def test_every_constant_matters(tmp_path, what):
    spec = UNet(multipliers=(1, 2), attention=(1,))
    tensors = random_unet(spec)
    tensors["input_blocks.0.0.weight"] *= 3e-3  # variances of the order of epsilon
    tensors["input_blocks.0.0.bias"] *= 3e-3
    prior = model(tmp_path, spec, tensors)
    u, step = asked()
    with torch.no_grad():
        found = prior.net(u, step).sample
    assert apart(found, predicted(spec, tensors, u, step)) < 1e-5
    assert apart(found, predicted(spec, tensors, u, step, **WRONG[what])) > 1e-3


@pytest.mark.parametrize(
    ("spec", "count", "numbers"), [(FFHQ, 362, 93_563_910), (IMAGENET, 566, 552_814_086)]
)
def test_published_checkpoints_have_their_counts(spec, count, numbers):
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, shape in shapes(spec).items()}
    assert len(tensors) == count
    assert sum(value.numel() for value in tensors.values()) == numbers
    arch = unet.read(tensors)
    assert (arch.widths, arch.blocks, arch.attention) == (
        tuple(spec.widths), spec.blocks, spec.attention
    )  # fmt: skip
    assert {rule.source: rule.shape for rule in rules(arch)} == shapes(spec)
    with torch.device("meta"):
        net = UNet2DModel(**unet.config(arch, 256, unet.Heads(64)))
    assert net.num_parameters() == numbers
    assert sorted(name for rule in rules(arch) for name in rule.names) == sorted(net.state_dict())


@pytest.mark.parametrize(
    ("schedule", "steps"), [("linear", 1000), ("linear", 4000), ("cosine", 500)]
)
def test_the_schedule_is_the_published_one(tmp_path, schedule, steps):
    spec = UNet(multipliers=(1,), attention=())
    prior = model(tmp_path, spec, random_unet(spec), schedule=schedule, steps=steps)
    if schedule == "linear":
        beta = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps
    else:
        at = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        bar = torch.cos((at + 0.008) / 1.008 * torch.pi / 2).square()
        beta = (1 - bar[1:] / bar[:-1]).clamp(max=0.999)
    wanted = 0.5 * torch.log1p(-beta).cumsum(0)
    assert prior.steps == steps
    assert prior.prediction == "epsilon"
    assert apart(prior.timing.log_alpha[1:], wanted) < 1e-4
    assert prior.timing.log_alpha[0] == 0
