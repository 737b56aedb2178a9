"""The report: one HTML page that holds a series, its figures and its table, and asks no network for anything."""

from xrdfit.report.page.assemble import REPORT, report_page

__all__ = ["REPORT", "report_page"]
