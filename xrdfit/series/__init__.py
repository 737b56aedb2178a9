"""Many scans as one series."""

from xrdfit.series.joint.bound import joint_bound
from xrdfit.series.one import refine_one_scan
from xrdfit.series.refine import refine_series

__all__ = ["joint_bound", "refine_one_scan", "refine_series"]
