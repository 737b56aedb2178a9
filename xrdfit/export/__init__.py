"""Results in the formats of other programs; every number is one of ``trajectories.csv`` or of a curve."""

from xrdfit.export.cif import scan_cifs
from xrdfit.export.pdcif import series_pdcif
from xrdfit.export.source import ExportSource

__all__ = ["ExportSource", "scan_cifs", "series_pdcif"]
