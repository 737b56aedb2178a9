"""Figures (trajectories, curves, the fit of one scan, maps and stacks of all) and the page of a series.

No pyplot, so no window and no global state, but where a figure is handed over to it.
"""

from xrdfit.report.axis import AXES
from xrdfit.report.card import results_card, run_verdict
from xrdfit.report.curves import curves_figure
from xrdfit.report.fit import fit_figure, fit_table
from xrdfit.report.gitt import gitt_figure
from xrdfit.report.hand_over import hand_over
from xrdfit.report.operando_map import map_figure
from xrdfit.report.page import REPORT, report_page
from xrdfit.report.patterns import patterns_figure
from xrdfit.report.residual_map import residual_figure
from xrdfit.report.save import figure_paths, save_figure, scan_table
from xrdfit.report.series_image import SeriesImage, series_image
from xrdfit.report.stored import (
    representative_scan,
    stored_fit_figure,
    stored_map_figure,
    stored_patterns,
    stored_patterns_figure,
    stored_residual_figure,
)
from xrdfit.report.style import phase_colors
from xrdfit.report.trajectory import drawn_columns, trajectory_figure

__all__ = [
    "AXES",
    "REPORT",
    "SeriesImage",
    "curves_figure",
    "drawn_columns",
    "figure_paths",
    "fit_figure",
    "fit_table",
    "gitt_figure",
    "hand_over",
    "map_figure",
    "patterns_figure",
    "phase_colors",
    "report_page",
    "representative_scan",
    "residual_figure",
    "results_card",
    "run_verdict",
    "save_figure",
    "scan_table",
    "series_image",
    "stored_fit_figure",
    "stored_map_figure",
    "stored_patterns",
    "stored_patterns_figure",
    "stored_residual_figure",
    "trajectory_figure",
]
