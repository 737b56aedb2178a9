"""Many scans as one series."""

from xrdfit.series.refine import refine_series

__all__ = ["refine_series"]
