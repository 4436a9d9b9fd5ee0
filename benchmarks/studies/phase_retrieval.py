"""Phase retrieval by restarts: of the samples of a picture, the one of least χ² is taken.

The truth has no part in the choice. A picture counts as recovered if that sample has an aligned
PSNR of more than 25 dB. RUN is the folder of a run:

    invprob solve faces64-test.zip --limit 16 --operator phase --samples 4
        --noise gaussian:sigma=0.02 --solver daps:levels=25,ode_steps=1,steps=10,step_size=1
        --prior pixel-diffusion:precision=bfloat16 --batch 4 --out RUN
    python benchmarks/studies/phase_retrieval.py RUN
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from invprob.analysis import metrics
from invprob.io import tensor_files
from invprob_basics import GaussianNoise, Phase

RECOVERED = 25.0
"""Decibels."""


def main() -> None:
    """Print a row for each picture, and how many are recovered."""
    parser = argparse.ArgumentParser(description="Phase retrieval by restarts.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--oversampling", type=float, default=2.0)
    parser.add_argument("--sigma", type=float, default=0.02)
    options = parser.parse_args()
    A = Phase(options.oversampling, image_shape=(3, 64, 64)).with_noise(
        GaussianNoise(options.sigma)
    )
    chosen = []
    print(
        "| picture | PSNR of the least χ² | its χ² | samples above 25 dB |\n|---:|---:|---:|---:|"
    )
    for number, (psnr, chi2) in enumerate(pictures(options.run, A)):
        best = int(chi2.argmin())
        many = int((psnr > RECOVERED).sum())
        print(f"| {number} | {psnr[best]:.1f} | {chi2[best]:.2f} | {many} of {len(psnr)} |")
        chosen.append(float(psnr[best]))
    count = sum(psnr > RECOVERED for psnr in chosen)
    print(f"\n{count} of {len(chosen)} recovered, {sum(chosen) / len(chosen):.1f} dB on average")


def pictures(run: Path, A: Phase) -> Iterator[tuple[Tensor, Tensor]]:
    """Read the samples of a run.

    Args:
        run: Its folder, with or without chunks.
        A: What was measured.

    Yields:
        The aligned PSNR in dB and the χ² of the samples of a picture, (S,) each.
    """
    for file in sorted(run.rglob("result.safetensors")):
        measured, _ = tensor_files.read(file.with_name("measurement.safetensors"))
        found, _ = tensor_files.read(file)
        for y, truth, samples in zip(
            measured["measurement"], measured["truth"], found["samples"], strict=True
        ):
            count = len(samples)
            with torch.no_grad():
                chi2 = A.chi2(y.expand(count, *y.shape), samples)
            yield metrics.psnr_aligned(samples, truth.expand(count, *truth.shape)), chi2


if __name__ == "__main__":
    main()
