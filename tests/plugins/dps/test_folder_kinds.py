"""A folder is read only if what it says is what we compute; in every form of its weights."""

import json
import shutil

import pytest
import safetensors.torch
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from invprob.errors import BadWeights
from invprob.io import checksums
from invprob_dps.folder import network_file
from invprob_dps.folder_weights import NETWORK
from invprob_dps.prior import PixelDiffusion
from tests.plugins.dps.test_folder import SIDE, unet

read = PixelDiffusion.pretrained


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "ddpm"
    DDPMPipeline(unet(), DDPMScheduler()).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(hub, tmp_path):
    return shutil.copytree(hub, tmp_path / "copy")


def change(path, drop=(), **values):
    told = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in told.items() if k not in drop} | values))


def asked(model):
    u = torch.randn(2, *model.image_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.denoise(u, torch.tensor([0.2, 0.9]))


# -- schedulers


SAMPLERS = ["DDIM", "PNDM", "EulerDiscrete", "DPMSolverMultistep", "UniPCMultistep", "RePaint"]


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_of_the_family_say_the_same(hub, copy, name):
    import diffusers

    scheduler = getattr(diffusers, f"{name}Scheduler")()
    (copy / "scheduler" / "scheduler_config.json").unlink()
    scheduler.save_pretrained(copy / "scheduler")
    change(copy / "scheduler" / "scheduler_config.json", beta_start=1e-4, beta_end=0.02,
           beta_schedule="linear")  # fmt: skip
    change(copy / "model_index.json", scheduler=["diffusers", f"{name}Scheduler"])
    assert torch.equal(asked(read(copy)), asked(read(hub)))


OTHERS = ["KarrasVe", "EDMEuler", "FlowMatchHeunDiscrete", "ScoreSdeVe", "CMStochasticIterative",
          "VQDiffusion", "IPNDM", "LCM", "TCD", "DDPMWuerstchen"]  # fmt: skip


@pytest.mark.parametrize("place", ["config", "index"])
@pytest.mark.parametrize("name", OTHERS)
def test_schedulers_of_other_families_are_refused_by_name(copy, name, place):
    """Even where their numbers could be taken for those of a DDPM."""
    if place == "config":
        config = {"_class_name": f"{name}Scheduler"}
        change(copy / "scheduler" / "scheduler_config.json", **config)
    else:
        change(copy / "model_index.json", scheduler=["diffusers", f"{name}Scheduler"])
    with pytest.raises(BadWeights, match=rf"is {name}Scheduler, which is not of DDPM's family"):
        read(copy)


BETAS = ("beta_start", "beta_end", "beta_schedule")


@pytest.mark.parametrize(
    ("drop", "values", "said"),
    [
        (BETAS, {}, "does not say beta_start, beta_end, beta_schedule"),
        (("num_train_timesteps",), {}, "does not say num_train_timesteps"),
        ((), {"num_train_timesteps": 10**9}, "has 1000000000 steps of training"),
        ((), {"beta_schedule": "exp"}, "exp"),
        ((), {"beta_end": 1.5}, "does not grow from step to step"),
        ((), {"trained_betas": [0.1, 0.2]}, "does not grow from step to step over 1000"),
        ((), {"prediction_type": "flow_prediction"}, "predicts flow_prediction"),
        ((), {"use_flow_sigmas": True}, "has use_flow_sigmas True"),
        ((), {"timestep_type": "continuous"}, "has timestep_type continuous"),
        ((), {"rescale_betas_zero_snr": True}, "zero terminal SNR"),
    ],
)
def test_schedules_that_are_not_of_ddpm_are_refused(copy, drop, values, said):
    change(copy / "scheduler" / "scheduler_config.json", drop, **values)
    with pytest.raises(BadWeights, match=said):
        read(copy)


def test_an_empty_scheduler_is_refused(copy):
    (copy / "scheduler" / "scheduler_config.json").write_text("{}")
    with pytest.raises(BadWeights, match="does not say num_train_timesteps, beta_start"):
        read(copy)


@pytest.mark.parametrize(
    ("values", "prediction"),
    [
        ({}, "epsilon"),
        ({"predict_epsilon": True}, "epsilon"),
        ({"predict_epsilon": False}, "sample"),
        ({"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}, "v_prediction"),
        (
            {"trained_betas": [4e-5 * i for i in range(1, 501)], "num_train_timesteps": 500},
            "epsilon",
        ),
    ],
)
def test_old_and_own_schedules_are_read(copy, values, prediction):
    change(copy / "scheduler" / "scheduler_config.json", ("prediction_type",), **values)
    model = read(copy)
    assert model.prediction == prediction
    assert model.steps == values.get("num_train_timesteps", 1000)
    assert bool(asked(model).isfinite().all())


# -- networks and pipelines


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sample_size": None}, "does not say for which size"),
        ({"sample_size": [32, 65]}, "cannot halve pictures of 65 pixels 1 times"),
        ({"sample_size": "16"}, "does not understandably say"),
        ({"sample_size": 15}, "cannot halve pictures of 15 pixels 1 times"),
        ({"in_channels": 4}, "takes 4 channels, not a grey or RGB picture"),
        ({"in_channels": 12}, "takes 12 channels"),
        ({"out_channels": 4}, "makes 4 channels of 3"),
        ({"out_channels": 6}, "does not say that variances are learned"),
        ({"time_embedding_type": "fourier"}, "by time_embedding_type fourier"),
        ({"class_embed_type": "timestep"}, "needs a class"),
        ({"_class_name": "DiTTransformer2DModel"}, "is DiTTransformer2DModel, not UNet2DModel"),
        ({"gated": True}, "has the setting gated"),
        ({"down_block_types": ["KDownBlock2D", "DownBlock2D"]}, "kernel|describes no"),
    ],
)
def test_networks_that_we_do_not_compute_are_refused(copy, values, said):
    change(copy / "unet" / "config.json", **values)
    with pytest.raises(BadWeights, match=said):
        read(copy)


@pytest.mark.parametrize("part", ["vae", "vqvae", "text_encoder", "movq"])
@pytest.mark.parametrize("form", ["index", "folder"])
def test_models_of_more_than_pixels_are_refused(copy, part, form):
    if form == "index":
        change(copy / "model_index.json", **{part: ["diffusers", "VQModel"]})
    else:
        (copy / part).mkdir()
    with pytest.raises(BadWeights, match=f"has a part {part} besides its network"):
        read(copy)


def test_other_pipelines_are_refused_by_name(copy):
    change(copy / "model_index.json", _class_name="ConsistencyModelPipeline")
    with pytest.raises(BadWeights, match="is used by ConsistencyModelPipeline"):
        read(copy)
    change(copy / "model_index.json", _class_name="DDIMPipeline", image_encoder=[None, None])
    read(copy)


def test_a_network_without_its_scheduler_is_told_what_to_give(hub):
    with pytest.raises(BadWeights, match=r"no config .*scheduler_config\.json") as caught:
        read(hub / "unet")
    assert "folder of the whole pipeline" in caught.value.hint


def test_learned_variances_are_left_out(hub, copy):
    torch.manual_seed(0)
    net = UNet2DModel.from_config({**unet().config, "out_channels": 6})
    net.save_pretrained(copy / "unet")
    change(copy / "scheduler" / "scheduler_config.json", variance_type="learned_range")
    model = read(copy)
    u, step = torch.randn(1, 3, SIDE, SIDE), torch.tensor([7.0])
    expected = net.eval()(u, step).sample[:, :3]
    assert torch.allclose(model.predict(u, step), expected, atol=1e-6)


def test_one_head_of_full_width_is_read_as_such(copy):
    """Null is not the default: google/ddpm-cifar10-32 has attention_head_dim null."""
    net = UNet2DModel.from_config({**unet().config, "attention_head_dim": None})
    net.save_pretrained(copy / "unet")
    change(copy / "unet" / "config.json", sample_size=[SIDE, SIDE])
    model = read(copy)
    assert model.image_shape == (3, SIDE, SIDE)
    assert {m.heads for m in model.net.modules() if hasattr(m, "to_q")} == {1}
    u, step = torch.randn(1, 3, SIDE, SIDE), torch.tensor([7.0])
    assert torch.allclose(model.predict(u, step), net.eval()(u, step).sample, atol=1e-6)


# -- weights


def tensors_of(folder):
    return safetensors.torch.load_file(folder / "unet" / NETWORK)


def divided(tensors, folder, kind, variant=""):
    """Two parts and the list of them, as diffusers writes large networks."""
    names = sorted(tensors)
    places = {}
    for i, part in enumerate((names[::2], names[1::2])):
        file = f"diffusion_pytorch_model{variant}-0000{i + 1}-of-00002.{kind}"
        held = {name: tensors[name] for name in part}
        if kind == "bin":
            torch.save(held, folder / file)
        else:
            safetensors.torch.save_file(held, folder / file)
        places |= dict.fromkeys(part, file)
    index = folder / f"diffusion_pytorch_model.{kind}.index{variant}.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


@pytest.mark.parametrize("form", ["bin", "legacy bin", "parts", "parts of bin"])
def test_other_forms_of_the_weights_are_the_same_network(hub, copy, form):
    tensors = tensors_of(copy)
    (copy / "unet" / NETWORK).unlink()
    file = copy / "unet" / "diffusion_pytorch_model.bin"
    if "parts" in form:
        divided(tensors, copy / "unet", "bin" if "bin" in form else "safetensors")
    else:
        torch.save(tensors, file, _use_new_zipfile_serialization=form == "bin")
        right = checksums.sha256(network_file(copy))
        assert torch.equal(asked(read(copy, sha256=right)), asked(read(hub)))
        with pytest.raises(BadWeights, match="have sha256"):
            read(copy, sha256="0" * 64)
    assert torch.equal(asked(read(copy)), asked(read(hub)))


def test_numbers_of_eight_bits_are_read(copy):
    eighth = {k: v.to(torch.float8_e4m3fn) for k, v in tensors_of(copy).items()}
    safetensors.torch.save_file(eighth, copy / "unet" / NETWORK)
    model = read(copy)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert asked(model).isfinite().all()


@pytest.mark.parametrize("kind", ["safetensors", "bin", "parts"])
def test_half_precision_is_read_where_there_is_no_other(hub, copy, kind):
    halved = {k: v.half() for k, v in tensors_of(copy).items()}
    if kind == "parts":
        divided(halved, copy / "unet", "safetensors", ".fp16")
    elif kind == "bin":
        torch.save(halved, copy / "unet" / "diffusion_pytorch_model.fp16.bin")
    else:
        file = copy / "unet" / "diffusion_pytorch_model.fp16.safetensors"
        safetensors.torch.save_file(halved, file)
    exact = asked(read(hub))
    assert torch.equal(asked(read(copy)), exact)
    (copy / "unet" / NETWORK).unlink()
    model = read(copy)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert 0 < (asked(model) - exact).abs().max() < 0.1


def test_old_names_of_attention_are_read(hub, copy):
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for name, value in tensors_of(copy).items():
        new = next((k for k in names if f".{k}." in name), None)
        old[name.replace(f".{new}.", f".{names[new]}.") if new else name] = value
    assert any("proj_attn" in name for name in old)
    safetensors.torch.save_file(old, copy / "unet" / NETWORK)
    assert torch.equal(asked(read(copy)), asked(read(hub)))


def test_parts_that_do_not_fit_are_refused(copy, tmp_path):
    tensors = tensors_of(copy)
    (copy / "unet" / NETWORK).unlink()
    index = divided(tensors, copy / "unet", "safetensors")
    told = json.loads(index.read_text())
    with pytest.raises(BadWeights, match="of no one SHA-256"):
        read(copy, sha256="0" * 64)
    first, *others = told["weight_map"]
    for places, said in (
        ({**told["weight_map"], first: "../../x.safetensors"}, "does not name files beside it"),
        ({**told["weight_map"], first: 3}, "does not name files beside it"),
        ({**told["weight_map"], first: "x.safetensors"}, "no file|do not agree"),
        ({k: told["weight_map"][k] for k in others}, "do not agree on"),
        ([1], "does not name files beside it"),
    ):
        index.write_text(json.dumps({"weight_map": places}))
        with pytest.raises(BadWeights, match=said):
            read(copy)
    index.write_text("{}")
    with pytest.raises(BadWeights, match="cannot be read"):
        read(copy)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], "does not hold tensors by name"),
        ({"conv_in.weight": "text"}, "is not a tensor of real numbers"),
        ({"conv_in.weight": torch.ones(3, dtype=torch.int64)}, "is not a tensor of real numbers"),
        ({"conv_in.weight": torch.full((3,), torch.nan)}, "not finite"),
        ({"conv_in.weight": torch.ones(3)}, "it has 2 layers and 1 tensors"),
    ],
)
def test_pickles_of_something_else_are_refused(copy, tree, said):
    (copy / "unet" / NETWORK).unlink()
    torch.save(tree, copy / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(BadWeights, match=said):
        read(copy)
