"""A consistency model as a generator of one stage: x = (1 + f(σ_max z, σ_max))/2, z normal.

f(v, σ) = c_skip v + c_out F(v/√(σ² + σ_d²), 250 log σ) with c_skip = σ_d²/((σ − σ_min)² + σ_d²) and
c_out = (σ − σ_min) σ_d/√(σ² + σ_d²), so that f is the identity at σ_min. Song, Dhariwal, Chen,
Sutskever, Consistency models, 2023, arXiv:2303.01469, appendix C.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from diffusers import CMStochasticIterativeScheduler, UNet2DModel
from torch import Tensor

from invprob.errors import BadWeights, shown
from invprob.generator import Generator
from invprob_dps import folder_config, networks, scheduler_config
from invprob_dps.folder_weights import folder_of, network_file, read_tensors
from invprob_dps.params import ConsistencyParams
from invprob_dps.unet_denoiser import Precision

PIPELINES = ("ConsistencyModelPipeline",)
SCHEDULER = "CMStochasticIterativeScheduler"
NEEDED = f"needed is an unconditional consistency model: a UNet2DModel and a {SCHEDULER}"


class Consistency(Generator[Tensor]):
    """Images (B, C, H, W) of normal noise of their own shape.

    `Consistency.pretrained(FOLDER)` reads a model from a folder of diffusers.

    Args:
        net: The network F.
        sigmas: (σ_min, σ_max, σ_d) in the units of images in [−1, 1].
        precision: Arithmetic of the network.
    """

    depth = 1

    def __init__(
        self,
        net: UNet2DModel,
        sigmas: tuple[float, float, float],
        *,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)
        self.sigma_min, self.sigma, self.sigma_data = sigmas
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        size = net.config["sample_size"]
        height, width = (size, size) if isinstance(size, int) else size
        self.image_shape = (net.config["in_channels"], height, width)

    @classmethod
    def pretrained(cls, weights: str | Path, **values: Any) -> Self:
        """The model of a folder.

        Args:
            weights: A folder as ConsistencyModelPipeline of diffusers writes it, or
                ``hf:OWNER/NAME``.
            values: Other parameters, as `invprob show generator consistency` lists them.

        Returns:
            The generator, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadParams: If a parameter is unknown or out of its range.
            BadWeights: If a file is missing, damaged or not such a model.
        """
        given = ConsistencyParams.parse({"weights": str(weights), **values}, "Consistency")
        return cls.from_params(given).eval().requires_grad_(False)

    @classmethod
    def from_params(cls, params: ConsistencyParams) -> Self:
        """The factory that the manifest names.

        Args:
            params: All parameters at once.

        Returns:
            The generator, on the CPU.
        """
        folder = folder_of(params.weights, "consistency model", NEEDED)
        return cls(*_read(folder, params.sha256), precision=params.precision)

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.randn((batch, *self.image_shape), generator=rng).to(self.net.conv_in.weight)

    def stage(self, k: int, x: Tensor) -> Tensor:
        if k != 1:
            raise ValueError(f"stage {k} of a generator of depth 1")
        apart, width = self.sigma - self.sigma_min, math.hypot(self.sigma, self.sigma_data)
        skip = self.sigma_data**2 / (apart**2 + self.sigma_data**2)
        v = self.sigma * x
        time = x.new_full((len(x),), 250 * math.log(self.sigma))
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            out = self.net(v / width, time).sample
        image: Tensor = skip * v + apart * self.sigma_data / width * out.to(x.dtype)
        return (image + 1) / 2


def _read(folder: Path, expected: str | None) -> tuple[UNet2DModel, tuple[float, float, float]]:
    """The network of a folder and its σ; raises `BadWeights`."""
    index = folder_config.index(folder)
    folder_config.check_pipeline(folder, index, (), PIPELINES, NEEDED)
    file = network_file(folder)
    told = folder_config.read_json(file.parent / "config.json")
    times = folder_config.read_json(folder_config.timing(folder))
    if (names := scheduler_config.classes(times, index)) != {SCHEDULER}:
        found = ", ".join(sorted(names)) or "of no class"
        raise BadWeights(f"the scheduler of {folder} is {found}, not {SCHEDULER}", NEEDED)
    arguments = folder_config.network(folder, told, 1)
    if arguments.get("out_channels", 3) != arguments.get("in_channels", 3):
        raise BadWeights(f"the network of {folder} makes other channels than it takes", NEEDED)
    sigmas = _sigmas(folder, times)
    tensors = read_tensors(file, expected)
    net = networks.built(UNet2DModel, arguments, tensors, folder, "consistency model")
    return net, sigmas


def _sigmas(folder: Path, times: Mapping[str, Any]) -> tuple[float, float, float]:
    config = CMStochasticIterativeScheduler().config
    names = ("sigma_min", "sigma_max", "sigma_data")
    least, most, data = (times.get(name, config[name]) for name in names)
    real = all(isinstance(value, int | float) for value in (least, most, data))
    if not real or not 0 < least < most < 1e6 or not 0 < data < 1e6:
        raise BadWeights(
            f"sigma_min, sigma_max and sigma_data of {folder} are"
            f" {', '.join(map(shown, (least, most, data)))}, not levels of noise",
            NEEDED,
        )
    return least, most, data
