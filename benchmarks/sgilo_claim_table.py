"""The claim as tables: what sgilo_claim.py measured, as Markdown.

    python benchmarks/sgilo_claim_table.py [--times 2]

Differences are paired by picture, with bootstrap 95 % intervals; a count in brackets says that
fewer pictures than n are behind a number.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import torch
from sgilo_claim import FEW, FIGURES, MORE, RESULTS, TUNED, read, tuned
from torch import Tensor

Key = tuple[str, str]
"""A solver and the name of a figure, such as ("ilo", "best")."""

OURS: Key = ("sgilo", "mean")
PSNR: dict[str, Key | tuple[Key, Key]] = {
    "SGILO mean": OURS,
    "SGILO single": ("sgilo", "single"),
    "official best": ("sgilo-official", "best"),
    "ILO single": ("ilo", "single"),
    "ILO best": ("ilo", "best"),
    "ILO mean": ("ilo", "mean"),
    "CSGM best": ("csgm", "best"),
    "SGILO mean − ILO best": (OURS, ("ilo", "best")),
    "− CSGM best": (OURS, ("csgm", "best")),
    "− official best": (OURS, ("sgilo-official", "best")),
    "− ILO mean": (OURS, ("ilo", "mean")),
    "SGILO single − ILO single": (("sgilo", "single"), ("ilo", "single")),
}
REST: dict[str, Key | tuple[Key, Key]] = {
    "SSIM: SGILO mean": ("sgilo", "ssim_mean"),
    "SGILO single": ("sgilo", "ssim_single"),
    "ILO single": ("ilo", "ssim_single"),
    "SGILO − ILO, singles": (("sgilo", "ssim_single"), ("ilo", "ssim_single")),
    "squared error ×10³: SGILO mean": ("sgilo", "error_mean"),
    "SGILO single ": ("sgilo", "error_single"),
    "ILO best": ("ilo", "error_best"),
    "CSGM best": ("csgm", "error_best"),
    "SGILO mean − ILO best": (("sgilo", "error_mean"), ("ilo", "error_best")),
    "misfit: SGILO": ("sgilo", "misfit"),
    "ILO": ("ilo", "misfit"),
    "CSGM": ("csgm", "misfit"),
    "seconds: SGILO": ("sgilo", "seconds"),
    "ILO ": ("ilo", "seconds"),
    "CSGM ": ("csgm", "seconds"),
}


class Pictures:
    """The figures of a task, by solver and picture."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        for row in rows:
            found = {name: float(row[name]) for name in FIGURES}
            for name in ("mean", "single", "best"):
                found[f"error_{name}"] = 1e3 * 10 ** (-found[name] / 10)
            self.rows[row["solver"]][row["image"]] = found

    def common(self, *solvers: str) -> list[str]:
        """The pictures that all of these solvers have finished."""
        return sorted(set.intersection(*(set(self.rows[s]) for s in solvers)))

    def cell(self, what: Key | tuple[Key, Key], n: int) -> str:
        """A mean, or a difference with its interval."""
        if isinstance(what[0], str):
            (solver, name), digits = what, 3 if "ssim" in what[1] else 2
            values = self.column(solver, name, self.common("sgilo", "ilo", solver))
            text = f"{float(values.mean()):.{digits}f}"
        else:
            (a, x), (b, y) = what
            pictures, digits = self.common("sgilo", "ilo", b), 3 if "ssim" in x else 2
            values = self.column(a, x, pictures) - self.column(b, y, pictures)
            text = interval(values, digits) if len(values) else "–"
        return "–" if not len(values) else text + (f" ({len(values)})" if len(values) < n else "")

    def column(self, solver: str, name: str, pictures: list[str]) -> Tensor:
        return torch.tensor([self.rows[solver][picture][name] for picture in pictures])


def interval(values: Tensor, digits: int) -> str:
    """The mean, and the bootstrap 95 % interval of the mean."""
    rng = torch.Generator().manual_seed(0)
    picks = torch.randint(len(values), (4000, len(values)), generator=rng)
    low, high = values[picks].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return f"{float(values.mean()):+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def table(domain: str, times: int, title: str, columns: dict[str, Key | tuple[Key, Key]]) -> None:
    """A table of a domain, a row for each task."""
    wanted = tuned(domain, times)
    by_task = defaultdict(list)
    for row in read(RESULTS / f"sgilo_claim-{domain}.csv"):
        if row["settings"] == wanted[row["solver"]]:
            by_task[row["task"]].append(row)
    print(f"\n### {domain}, {times * 150} passes: {title}\n")
    print(f"| task | n | {' | '.join(columns)} |")
    print("|" + "---|" * (len(columns) + 2))
    for task in FEW | MORE:
        pictures = Pictures(by_task[task])
        n = len(pictures.common("sgilo", "ilo"))
        if n:
            cells = [pictures.cell(what, n) for what in columns.values()]
            print(f"| {task} | {n} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1, help="so many times 150 passes")
    args = parser.parse_args()
    for domain in TUNED:
        table(domain, args.times, "PSNR in dB", PSNR)
        table(domain, args.times, "the rest", REST)


if __name__ == "__main__":
    main()
