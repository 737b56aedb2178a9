"""The Python face: from files to a table and a figure in a few lines."""

from xrdfit.notebook.opening import load
from xrdfit.notebook.results import Results
from xrdfit.notebook.series import Series

__all__ = ["Results", "Series", "load"]
