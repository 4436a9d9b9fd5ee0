import dataclasses
import html
import math
import re

import numpy as np
import pytest
import torch

from invprob.analysis import metrics
from invprob.bench import bootstrap, markdown, tables
from invprob.bench.tables import Row


def rows(task="t", seeds=(0,)):
    """Method b is 1 dB over a on each of 30 images, c is no better on average."""
    rng = np.random.default_rng(1)
    made = []
    for i in range(30):
        level = 20 + 5 * rng.random()
        for seed in seeds:
            for method, gain in (("a", 0.0), ("b", 1 + 0.1 * rng.random()), ("c", rng.normal())):
                figures = {"psnr_mean": level + gain + seed, "seconds": 1.0, "crps": None}
                made.append(Row(task, method, f"i{i}", seed, figures))
    return made


def test_differences_are_paired_and_ties_marked():
    a, b, c = tables.lines(rows(), ["t"], ["a", "b", "c"], "a")
    assert not a.differences
    gap = b.differences["psnr_mean"]
    assert 1 < gap.low < gap.mean < gap.high < 1.1
    # far wider than the paired one
    assert b.values["psnr_mean"].high - b.values["psnr_mean"].low > 0.5
    assert not gap.tie
    assert c.differences["psnr_mean"].tie
    assert tables.difference(c.differences["psnr_mean"], "psnr_mean").startswith("≈ ")
    assert tables.best([a, b, c], "psnr_mean") == {"b"}
    assert tables.best([a, b, c], "generator_passes") == set()
    assert "crps" not in a.values


def test_an_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        found = bootstrap.estimate(list(rng.normal(3, 2, 40)))
        inside += found.low <= 3 <= found.high
    assert 0.90 <= inside / 400 <= 0.98


def test_seeds_of_an_image_are_one_observation():
    (line, *_) = tables.lines(rows(seeds=(0, 1)), ["t"], ["a", "b", "c"], "a")
    once = tables.lines(rows(), ["t"], ["a", "b", "c"], "a")[0]
    assert line.values["psnr_mean"].n == 30
    assert line.values["psnr_mean"].mean == pytest.approx(
        once.values["psnr_mean"].mean + 0.5, abs=2
    )


def test_an_interval_covers_the_choice_of_the_mask_too():
    """The mean over all pictures and masks, of which few masks are seen, each by all pictures."""
    rng = np.random.default_rng(0)
    inside = blind = 0
    for _ in range(300):
        of_image, of_mask = rng.normal(0, 1, 24), rng.normal(0, 1, 12)
        rest = rng.normal(0, 0.5, (24, 12))
        cells = {
            (f"i{i}", s): of_image[i] + of_mask[s] + rest[i, s]
            for i in range(24)
            for s in range(12)
        }
        found = bootstrap.crossed(cells)
        inside += found.low <= 0 <= found.high
        one = bootstrap.estimate(
            [float(np.mean([cells[f"i{i}", s] for s in range(12)])) for i in range(24)]
        )
        blind += one.low <= 0 <= one.high
    assert 0.90 <= inside / 300 <= 0.99
    assert blind / 300 < 0.85


def test_an_interval_covers_masks_that_are_spread_over_pictures():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        of_mask = rng.normal(0, 1, 12)
        cells = {(f"i{i}", i % 12): rng.normal(0, 1) + of_mask[i % 12] for i in range(48)}
        found = bootstrap.crossed(cells)
        inside += found.low <= 0 <= found.high
    assert 0.91 <= inside / 300 <= 0.98


@pytest.mark.parametrize("spread", [True, False])
def test_an_interval_is_not_wider_than_the_pictures_make_it(spread):
    """Where masks make no difference, as where everything that differs is chance."""
    rng = np.random.default_rng(0)
    inside, half = 0, []
    for _ in range(300):
        cells = {
            (f"i{i}", s): rng.normal() for i in range(32) for s in ([i % 8] if spread else range(8))
        }
        found = bootstrap.crossed(cells)
        inside += found.low <= 0 <= found.high
        half.append((found.high - found.low) / 2 / (1.96 / len(cells) ** 0.5))
    assert 0.91 <= inside / 300 <= 0.99
    assert 1 <= np.mean(half) <= 1.35


def test_two_pictures_with_a_mask_each_have_an_interval():
    found = bootstrap.crossed({("a", 0): 1.0, ("b", 1): 2.0})
    assert found.mean == 1.5
    assert found.high - found.mean == pytest.approx(12.706 * 0.5, rel=1e-3)  # t of one degree


def test_the_overview_has_a_row_for_each_task():
    found = tables.lines([*rows("s"), *rows("t|u")], ["s", "t|u"], ["a", "b", "c"], "a")
    text = markdown.overview(found, "psnr_mean", "a")
    assert "| task | n | a | b | c | b − a | c − a |" in text
    assert text.count("| 30 |") == 2
    assert "| `t\\|u` |" in text
    assert text.count("**") == 4
    assert text.count("≈") == 2
    assert markdown.overview(found, "seconds", "a").count("≈ +0.0 [+0.0, +0.0]") == 4
    assert markdown.overview(found, "crps", "a") == ""


@pytest.mark.parametrize("name", ["a | b", "<b>bold</b>", "*x* [y](z) `c`", "e\\|f", "ä 🍏"])
def test_a_method_may_be_called_anything(name):
    one = [dataclasses.replace(r, method={"b": name}.get(r.method, r.method)) for r in rows()]
    found = tables.lines(one, ["t"], ["a", name, "c"], "a")
    text = markdown.by_task(found, "a", ["psnr_mean"])
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert "<b>" not in text
    assert html.unescape(re.sub(r"\\(?=[\\`*\[\]])", "", table[3])).startswith(f"| {name} |")


def test_of_one_image_there_is_no_interval():
    one = [r for r in rows() if r.image == "i0"]
    a, b, _ = tables.lines(one, ["t"], ["a", "b", "c"], "a")
    assert math.isnan(a.values["psnr_mean"].low)
    assert b.differences["psnr_mean"].tie
    plain = tables.as_json([a, b])
    assert plain[0]["values"]["psnr_mean"]["low"] is None
    text = markdown.by_task([a, b], "a", ["psnr_mean"])
    assert "### t" in text
    assert "**" in text


def test_a_difference_is_of_shared_images_only():
    some = [r for r in rows() if r.method != "b" or r.image in ("i0", "i1")]
    _, b, _ = tables.lines(some, ["t"], ["a", "b", "c"], "a")
    assert b.differences["psnr_mean"].n == 2


def test_crps_is_its_definition_and_rewards_the_truth():
    rng = torch.Generator().manual_seed(0)
    draws = torch.rand(7, 3, 4, 5, generator=rng)
    truth = torch.rand(3, 4, 5, generator=rng)
    between = (draws[:, None] - draws[None]).abs().sum((0, 1)) / (7 * 6)
    direct = ((draws - truth).abs().mean(0) - between / 2).mean()
    assert metrics.crps(draws, truth) == pytest.approx(float(direct), abs=1e-6)
    # for a normal law of known spread the score is 0.2337 σ, and worse with another spread
    truth = 0.5 + 0.05 * torch.randn(1, 200, 200, generator=rng)
    scores = [
        metrics.crps(0.5 + s * torch.randn(20, 1, 200, 200, generator=rng), truth)
        for s in (0.02, 0.05, 0.12)
    ]
    # E|X − x| − ½E|X − X'| = σ/√π where truth and draws have one law
    assert scores[1] == pytest.approx(0.05 / math.sqrt(math.pi), rel=0.03)
    assert min(scores) == scores[1]


def test_ms_ssim_needs_large_images():
    image = torch.rand(2, 3, 180, 180, generator=torch.Generator().manual_seed(0))
    assert metrics.ms_ssim(image[:, :, :100], image[:, :, :100]) is None
    assert torch.allclose(metrics.ms_ssim(image, image), torch.ones(2))
    assert float(metrics.ms_ssim((image + 0.1).clamp(0, 1), image)[0]) < 1
