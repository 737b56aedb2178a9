"""Lattice trajectories from operando powder diffraction.

The public names are imported when they are first used (PEP 562), so ``import xrdfit`` and
``xrdfit --help`` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from xrdfit.data import Outcome, Pattern, ScanResult, SeriesResult
    from xrdfit.echem import read_cycler
    from xrdfit.errors import InputError, NoResultError, XrdfitError
    from xrdfit.io import open_stack, read_pattern
    from xrdfit.notebook import Results, Series, load
    from xrdfit.recipe import build_job, load_recipe
    from xrdfit.series import refine_one_scan, refine_series

_HOME = {
    "InputError": "xrdfit.errors",
    "NoResultError": "xrdfit.errors",
    "Outcome": "xrdfit.data",
    "Pattern": "xrdfit.data",
    "Results": "xrdfit.notebook",
    "ScanResult": "xrdfit.data",
    "Series": "xrdfit.notebook",
    "SeriesResult": "xrdfit.data",
    "XrdfitError": "xrdfit.errors",
    "build_job": "xrdfit.recipe",
    "load": "xrdfit.notebook",
    "load_recipe": "xrdfit.recipe",
    "open_stack": "xrdfit.io",
    "read_cycler": "xrdfit.echem",
    "read_pattern": "xrdfit.io",
    "refine_one_scan": "xrdfit.series",
    "refine_series": "xrdfit.series",
}

__all__ = [
    "InputError",
    "NoResultError",
    "Outcome",
    "Pattern",
    "Results",
    "ScanResult",
    "Series",
    "SeriesResult",
    "XrdfitError",
    "__version__",
    "build_job",
    "load",
    "load_recipe",
    "open_stack",
    "read_cycler",
    "read_pattern",
    "refine_one_scan",
    "refine_series",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
