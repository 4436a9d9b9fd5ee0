"""Our own sets keep the rules that a stranger's must keep, tried with small networks."""

import tempfile
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel

from invprob.gaussian.factors import Factors
from invprob.testing import conformance
from invprob_classical.gaussian_images import write
from invprob_dps.folder import write_folder
from invprob_pnp.denoiser.file import save
from invprob_pnp.denoiser.network import Network, Size
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture
from tests.plugins.dps.latent_folders import consistency_pipeline, latent_pipeline
from tests.plugins.sgilo.published.layouts import score_weights

FOLDER = tempfile.TemporaryDirectory(prefix="invprob-kit-")
GENERATOR = Path(FOLDER.name) / "tiny.safetensors"
CODES = Path(FOLDER.name) / "latent.pth"
DIFFUSION = Path(FOLDER.name) / "tiny-ddpm"
DENOISING = Path(FOLDER.name) / "tiny-sample-ddpm"
LATENT = Path(FOLDER.name) / "tiny-ldm"
CONSISTENCY = Path(FOLDER.name) / "tiny-cm"
DENOISER = Path(FOLDER.name) / "tiny-denoiser.safetensors"
GAUSSIAN = Path(FOLDER.name) / "gaussian.safetensors"

EXAMPLES = {
    "classical": {"gaussian-images": {"weights": str(GAUSSIAN)}},
    "dps": {
        "pixel-diffusion": {"weights": str(DIFFUSION)},
        "ddim": {"weights": str(DENOISING), "steps": 2},
        "latent-decoder": {"weights": str(LATENT)},
        "consistency": {"weights": str(CONSISTENCY)},
    },
    "pnp": {"photo": {"weights": str(DENOISER)}},
    "sgilo": {
        "stylegan2": {"weights": str(GENERATOR)},
        "published-score": {"codes": str(CODES)},  # for faces64 with Gaussian codes
    },
}

DRAWS = "its first image is the mode or mean, and the last one a draw"
WIDE = "AVX512" in torch.backends.cpu.get_cpu_capability()
"""Which of the draws is likelier is chance, and the last bits of normal draws decide."""
EXACT = {} if WIDE else {"solver.gaussian.fit-improves": DRAWS}
MOMENTS = {"mmps.fit-improves": DRAWS}
ANNEALED = {
    f"{name}.fit-improves": DRAWS for name in (("daps", "diffpir") if WIDE else ("diffpir",))
}


@pytest.fixture(scope="module", autouse=True)
def networks():
    """A StyleGAN-2 and a diffusion model of random weights."""
    arch = Architecture(resolution=32, channel_base=64, channel_max=8, z_dim=8, w_dim=8)
    G = StyleGAN2(arch, seed=5)
    for name, parameter in G.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.1)
    G.save(GENERATOR, {"kimg": 0})
    before = torch.get_rng_state()
    torch.manual_seed(0)
    net = UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(16,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=8,
    )
    # a VQModel rounds to codes, whose gradient is not that of the function
    latent_pipeline("AutoencoderKL").save_pretrained(LATENT)
    consistency_pipeline().save_pretrained(CONSISTENCY)
    save(DENOISER, Network(Size(channels=(8,), blocks=(1,))), 0.01, {})
    torch.set_rng_state(before)
    scheduler = DDPMScheduler(beta_schedule="linear")
    write_folder(DIFFUSION, net, scheduler, 1, {})
    # random noise predictions are far from any noise, and their images far from [0, 1]
    write_folder(DENOISING, net, DDPMScheduler(prediction_type="sample"), 1, {})
    rows = torch.eye(192)[:4].reshape(4, 3, 8, 8)
    variances = torch.tensor([0.2, 0.1, 0.05, 0.02])
    write(GAUSSIAN, Factors(torch.full((3, 8, 8), 0.5), rows, variances, torch.tensor(0.01)), {})
    torch.save(score_weights(tokens=10, channels=128), CODES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INVPROB_CACHE", FOLDER.name)
        yield
    FOLDER.cleanup()


test_basics = conformance("basics")
test_classical = conformance("classical", examples=EXAMPLES["classical"], expected_failures=EXACT)
test_csgm = conformance("csgm")
test_dps = conformance("dps", examples=EXAMPLES["dps"], expected_failures=MOMENTS)
test_ilo = conformance("ilo")
test_mcmc = conformance("mcmc")
test_pnp = conformance("pnp", examples=EXAMPLES["pnp"], expected_failures=ANNEALED)
test_sgilo = conformance("sgilo", examples=EXAMPLES["sgilo"])
test_theory = conformance("theory")
test_bundled = pytest.mark.slow(conformance("stylegan2"))
