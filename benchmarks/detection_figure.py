"""The least fraction that is found against counting time, as a figure.

python benchmarks/joint_truth.py presence --seeds 8 | python benchmarks/detection_figure.py limit.svg
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

_ROW = re.compile(r"^\s*(?P<counts>[\d.]+)\s+(?P<phase>\w+)\s+[\d.]+%\s+[\d.]+\s+(?P<limit>[\d.]+)%\s+[\d.]+%\s*$")
_STYLE = {"LFP": ("#c8320f", "o"), "FP": ("#0173b2", "s")}


def read_table(text: str) -> dict[str, list[tuple[float, float]]]:
    """Counting time, in units of the reference's, and the fraction in percent that is found in 95 % of scans."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in map(_ROW.match, text.splitlines()):
        if row is not None:
            found.setdefault(row["phase"], []).append((float(row["counts"]), float(row["limit"])))
    return found


def draw(table: dict[str, list[tuple[float, float]]]) -> Figure:
    figure = Figure(figsize=(4.6, 3.2), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    for phase, points in table.items():
        counts, limit = np.array(points).T
        color, marker = _STYLE[phase]
        axes.plot(counts, limit, marker, color=color, label=phase)
        # What the error of a count makes one expect.
        level = np.exp(np.mean(np.log(limit * np.sqrt(counts))))
        axes.plot(counts, level / np.sqrt(counts), color=color, linewidth=0.8)
    shown = sorted({count for points in table.values() for count, _ in points})
    axes.set_xticks(shown, [f"{count:g}" for count in shown])
    axes.set_yticks([0.5, 1.0, 2.0], ["0.5", "1", "2"])
    axes.minorticks_off()
    axes.set_ylim(0.3, 3.0)
    axes.set_xlabel("counting time (1: the reference case)")
    axes.set_ylabel("fraction found in 95 % of scans (%)")
    axes.tick_params(direction="in", which="both", top=True, right=True)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    matplotlib.rcParams |= {"svg.hashsalt": "detection-limit", "svg.fonttype": "path"}
    draw(read_table(sys.stdin.read())).savefig(Path(sys.argv[1]), metadata={"Date": None})
