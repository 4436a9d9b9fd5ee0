"""Parameters of the generator StyleGAN-2."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob.paths import PathText


class StyleGAN2Params(Params):
    """A StyleGAN-2 of bundled or of your own weights."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"weights": "faces64"}, {"codes": "gaussian", "carry_rgb": False}]
        }
    )

    weights: PathText = Field("faces64", description="A bundled name, or the path of a file.")
    sha256: str | None = Field(None, description="Expected SHA-256 of the file; checked if given.")
    truncation: float = Field(
        1.0, ge=0, le=1, description="Truncation ψ of the style codes that the input induces."
    )
    carry_rgb: bool = Field(
        True,
        description="Keep the image so far when a stage restarts, unlike the published code.",
    )
    codes: Literal["w", "gaussian"] = Field(
        "w",
        description="What latents hold: style codes w, or v of w = LeakyReLU(std·v + mean), as"
        " published ILO and SGILO have it.",
    )
    gaussian: PathText = Field(
        "auto", description="A gaussian_fit.pt with those moments, or auto: computed once and kept."
    )
    noise: Literal["random", "stored"] = Field(
        "random", description="Noise maps drawn, or those that came with converted weights."
    )
    precision: Literal["float32", "bfloat16", "published", "auto"] = Field(
        "float32",
        description="Arithmetic of the synthesis network; published: 16 bits where the authors had"
        " them; auto: float32 or bfloat16, whichever is faster on this machine.",
    )
    kernels: Literal["torch", "compiled", "auto"] = Field(
        "torch",
        description="How blocks compute in float32 on a CPU. compiled: by kernels that your C"
        " compiler makes, once, in half a second; auto: so if there is one and the network has"
        " channels in multiples of 16.",
    )
    recompute: bool = Field(
        False,
        description="Compute every block again for its gradient instead of keeping what it was"
        " made of (gradient checkpointing): less memory, more time.",
    )
    compile: bool = Field(
        False, description="Compile the synthesis blocks (torch.compile); pays off in long runs."
    )
