"""The claim as tables: what sgilo_claim.py measured, as Markdown.

    python benchmarks/studies/sgilo_claim_table.py [--label LABEL] [--ilo SETTINGS]

Differences are paired by picture, with bootstrap 95 % intervals; a count in brackets says that
fewer pictures than n are behind a number.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import torch
from sgilo_claim import FEW, FIGURES, GROUPS, MORE, TUNED, read, results
from torch import Tensor

from invprob.bench.tables import estimate

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
        theirs: Key | None = None
        if isinstance(what[0], str):
            ours: Key = what
        else:
            ours, theirs = what
        pictures = self.common("sgilo", "ilo", ours[0], (theirs or ours)[0])
        if not pictures:
            return "–"
        values, digits = self.column(*ours, pictures), 3 if "ssim" in ours[1] else 2
        text = f"{float(values.mean()):.{digits}f}"
        if theirs:
            text = estimate((values - self.column(*theirs, pictures)).tolist()).signed(digits)
        return text + (f" ({len(pictures)})" if len(pictures) < n else "")

    def column(self, solver: str, name: str, pictures: list[str]) -> Tensor:
        return torch.tensor([self.rows[solver][picture][name] for picture in pictures])


def table(
    title: str, rows: list[dict[str, str]], columns: dict[str, Key | tuple[Key, Key]]
) -> None:
    """Rows of one domain as a table, a line for each task; nothing if no picture is shared."""
    lines = []
    for task in FEW | MORE:
        pictures = Pictures([row for row in rows if row["task"] == task])
        n = len(pictures.common("sgilo", "ilo"))
        if n:
            cells = [pictures.cell(what, n) for what in columns.values()]
            lines.append(f"| {task} | {n} | {' | '.join(cells)} |")
    if lines:
        print(f"\n### {title}\n")
        print(f"| task | n | {' | '.join(columns)} |")
        print("|" + "---|" * (len(columns) + 2))
        print(*lines, sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", default="", help="the label that the rows were computed with")
    parser.add_argument("--ilo", help="settings of ilo, if not the tuned ones")
    args = parser.parse_args()
    other = {"ilo": args.ilo} if args.ilo else {}
    for domain, tuned in TUNED.items():
        wanted = {task: tuned[g] | other for g, tasks in GROUPS.items() for task in tasks}
        rows = [
            row
            for row in read(results(domain, args.label))
            if row["settings"] == wanted[row["task"]][row["solver"]]
        ]
        name = f"{domain}, {args.label}" if args.label else domain
        table(f"{name}: PSNR in dB", rows, PSNR)
        table(f"{name}: the rest", rows, REST)


if __name__ == "__main__":
    main()
