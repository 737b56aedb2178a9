"""Figures (trajectories, curves, the fit of one scan, the map of all) and the page of a series.

No pyplot, so no window and no global state, but where a figure is handed over to it.
"""

from xrdfit.report.axis import AXES
from xrdfit.report.card import results_card, run_verdict
from xrdfit.report.curves import curves_figure
from xrdfit.report.fit import fit_figure
from xrdfit.report.gitt import gitt_figure
from xrdfit.report.hand_over import hand_over
from xrdfit.report.operando_map import map_figure
from xrdfit.report.page import REPORT, report_page
from xrdfit.report.save import figure_paths, save_figure
from xrdfit.report.stored import representative_scan, stored_fit_figure, stored_map_figure
from xrdfit.report.style import phase_colors
from xrdfit.report.trajectory import trajectory_figure

__all__ = [
    "AXES",
    "REPORT",
    "curves_figure",
    "figure_paths",
    "fit_figure",
    "gitt_figure",
    "hand_over",
    "map_figure",
    "phase_colors",
    "report_page",
    "representative_scan",
    "results_card",
    "run_verdict",
    "save_figure",
    "stored_fit_figure",
    "stored_map_figure",
    "trajectory_figure",
]
