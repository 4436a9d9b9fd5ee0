"""Pages of pictures: what stands where, and that nothing odd breaks them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from invprob.analysis.diagnostics import Diagnosis
from invprob.plots import layout, raster, summary


def results(count=2, samples=3, shape=(3, 64, 64), returns="sample", truth=True, bias=0.0):
    rng = torch.Generator().manual_seed(0)
    drawn = torch.rand(count, samples, *shape, generator=rng)
    return SimpleNamespace(
        title="sgilo.sgilo",
        subtitle="basics.inpaint; noise basics.gaussian:sigma=0.02",
        names=[f"face-{i}" for i in range(count)],
        truth=drawn[:, 0] if truth else None,
        samples=drawn,
        mean=drawn.mean(1),
        std=drawn.std(1, unbiased=False),
        metrics=[{"psnr_mean": 30.0, "ssim_mean": 0.9}] * count,
        returns=returns,
        bias=bias,
        caveat="",
        pixel_r_hat=None,
    )


def columns(found, monkeypatch):
    """The pages that `summary` draws of the results."""
    pages = []
    monkeypatch.setattr(summary, "draw", pages.append)
    summary.summary(found, found.mean)
    return pages[0]


def test_summary_has_a_row_per_image_and_the_columns_in_order(monkeypatch):
    drawn = columns(results(), monkeypatch)
    assert drawn.columns == [
        "truth", "measurement", "posterior mean", "posterior std",
        "sample 1", "sample 2", "sample 3",
    ]  # fmt: skip
    assert [row.name for row in drawn.rows] == ["face-0", "face-1"]
    assert all(len(row.cells) == 7 for row in drawn.rows)
    assert drawn.rows[0].cells[2].caption == "30.0 dB, SSIM 0.90"
    assert drawn.size == (192, 192)


def test_without_truth_and_with_point_estimates(monkeypatch):
    drawn = columns(results(truth=False), monkeypatch)
    assert drawn.columns[0] == "measurement"
    drawn = columns(results(returns="estimate"), monkeypatch)
    assert drawn.columns[2:5] == ["mean", "spread of restarts", "restart 1"]
    drawn = columns(results(returns="estimate", samples=1), monkeypatch)
    assert drawn.columns == ["truth", "measurement", "estimate"]
    assert drawn.notes == []


def test_a_declared_bias_is_told_and_a_large_one_takes_the_name(monkeypatch):
    drawn = columns(results(bias=0.3), monkeypatch)
    assert drawn.columns[2:4] == ["posterior mean", "posterior std"]
    assert "standard deviations of this solver are off by up to 30%" in drawn.notes[1]
    drawn = columns(results(bias=1.5), monkeypatch)
    assert drawn.columns[2:4] == ["mean", "std of samples"]
    assert "off by up to 150%" in drawn.notes[1]


def test_the_std_has_one_scale_whose_end_is_shown(monkeypatch):
    found = results()
    drawn = columns(found, monkeypatch)
    top = found.std.square().mean(1).sqrt().max().item()
    assert [row.cells[3].ramp for row in drawn.rows] == pytest.approx([top, top])
    assert "units of [0, 1]" in drawn.notes[0]


def test_what_is_left_out_is_said(monkeypatch):
    found = results(count=18, samples=8, shape=(1, 8, 8))
    drawn = columns(found, monkeypatch)
    assert len(drawn.rows) == summary.MAX_ROWS
    assert "Shown: 16 of 18 images, 6 of 8 samples." in drawn.notes
    assert len(drawn.notes) == 2


@pytest.mark.parametrize(
    ("diagnosis", "caption", "warn"),
    [
        (Diagnosis("not converged", "", 1.318, 12.0, 9.4, 0.3), "not converged (R-hat 1.32)", True),
        (Diagnosis("not converged", "", np.inf, 0.0, 0.0), "not converged (R-hat inf)", True),
        (Diagnosis("undecided", "", 1.03, 212.0, 99.6, 0.1), "R-hat 1.03, ESS 100", False),
        (Diagnosis("converged", "", 1.004, 812.0, 600.0), "converged (R-hat 1.00)", False),
        (Diagnosis("not assessed", "1 chain"), "not assessed (1 chain)", True),
    ],
)
def test_the_std_says_whether_the_chains_converged(monkeypatch, diagnosis, caption, warn):
    found = results()
    found.metrics = [found.metrics[0], found.metrics[1] | diagnosis.row()]
    drawn = columns(found, monkeypatch)
    cells = [row.cells[3] for row in drawn.rows]
    assert [(cell.caption, cell.warn) for cell in cells] == [("", False), (caption, warn)]
    assert cells[1].ramp is not None
    assert "the chains of an image disagree" in drawn.notes[1]


def test_a_picture_that_the_model_cannot_show_is_said_in_red(monkeypatch):
    found = results()
    found.metrics = [
        m | {"chi2_mean": c, "chi2_sample": 2 * c}
        for m, c in zip(found.metrics, (1.2, 79.2), strict=True)
    ]
    drawn = columns(found, monkeypatch)
    assert [row.warn for row in drawn.rows] == ["", "χ² 79: this model cannot show this picture"]
    assert drawn.notes[-1].startswith("A χ² far above 1")
    monkeypatch.undo()
    red = (np.asarray(summary.summary(found, found.mean)) == layout.RED).all(2)
    assert red.any()


def test_a_warning_is_red():
    def reds(warn):
        cell = layout.Cell(Image.new("RGB", (9, 9)), "words", warn=warn)
        drawn = raster.draw(layout.Page(["column"], [layout.Row("name", [cell])], (90, 90)))
        return int((np.asarray(drawn) == layout.RED).all(2).sum())

    assert reds(True) > 10
    assert reds(False) == 0


def test_mixing_has_a_line_per_chain_and_time_to_the_right():
    draws = torch.arange(20.0)[None, :, None, None, None].div(20).expand(2, 20, 1, 96, 96)
    sheet = np.asarray(summary.mixing(draws.half()))
    assert sheet.shape == (2 * 100 + 4, 7 * 100 + 4, 3)
    levels = [int(sheet[150, 50 + 100 * k, 0]) for k in range(7)]
    assert levels == pytest.approx([255 * 3 * k / 20 for k in range(7)], abs=1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 64, 64), (3, 40, 90), (3, 500, 700)])
def test_summary_draws_any_shape(shape):
    found = results(count=1, samples=2, shape=shape)
    found.names = ["лицо " + "long" * 60]
    seen = found.mean[:, :1, ::4, ::4] * 3 - 1
    picture = summary.summary(found, seen, "word " * 100)
    assert picture.mode == "RGB"
    width, height = layout.cell_size(*shape[1:])
    assert picture.width == 6 * (width + layout.GAP) - layout.GAP + 2 * layout.MARGIN
    assert picture.height > height
    pixels = np.asarray(picture)
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all()


def test_summary_of_numbers_that_are_none():
    found = results(count=1, samples=2)
    found.std = torch.full_like(found.std, float("nan"))
    found.mean = torch.full_like(found.mean, float("inf"))
    summary.summary(found, found.mean)
    found.std = torch.zeros_like(found.std)
    summary.summary(found, found.mean)


def test_small_pixels_stay_pixels():
    image = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    sheet = np.asarray(summary.sheet(image[None]))
    assert set(np.unique(sheet)) == {0, 255}
    assert sheet.shape == (96 + 8, 96 + 8, 3)
    assert (sheet[4:52, 4:52] == 0).all()


def test_a_sheet_is_filled_row_by_row():
    levels = torch.linspace(0, 0.8, 5)[:, None, None, None].expand(5, 3, 96, 96)
    sheet = np.asarray(summary.sheet(levels, columns=3))
    assert sheet.shape == (2 * 100 + 4, 3 * 100 + 4, 3)
    assert [sheet[50, 50 + 100 * k, 0] for k in range(3)] == [0, 51, 102]
    assert [sheet[150, 50 + 100 * k, 0] for k in range(3)] == [153, 204, 255]


def test_the_colour_map_rises_in_lightness():
    strip = np.asarray(layout.colour(torch.linspace(0, 1, 64)[None])).astype(float)[0]
    lightness = strip @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(lightness) > -1).all()
    assert lightness[-1] - lightness[0] > 200
