"""The report: one HTML page that holds a series, its figures and its table, and asks no network for anything."""

from xrdfit.report.page.assemble import REPORT, report_page
from xrdfit.report.page.notation import with_esd

__all__ = ["REPORT", "report_page", "with_esd"]
