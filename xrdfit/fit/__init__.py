"""One scan: objective, Le Bail, the two drivers, statistics. The only home of lmfit."""

from xrdfit.fit.compiled import TOLERANCE, refine_compiled
from xrdfit.fit.expressions import TiedParameters
from xrdfit.fit.lmfit_driver import make_minimizer, refine_with_lmfit
from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import lmfit_parameters, start_values
from xrdfit.fit.scan import (
    PreparedScan,
    ScanFit,
    area_covariance,
    first_variance,
    fit_report,
    fit_scan,
    prepare_scan,
    seeded_background,
    with_seeded_background,
)
from xrdfit.fit.statistics import Agreement, agreement, esd_factor
from xrdfit.fit.ties import Expected

__all__ = [
    "TOLERANCE",
    "Agreement",
    "Expected",
    "PreparedScan",
    "ScanFit",
    "ScanObjective",
    "TiedParameters",
    "agreement",
    "area_covariance",
    "esd_factor",
    "first_variance",
    "fit_report",
    "fit_scan",
    "lmfit_parameters",
    "make_minimizer",
    "prepare_scan",
    "refine_compiled",
    "refine_with_lmfit",
    "seeded_background",
    "start_values",
    "with_seeded_background",
]
