"""Files in, files out: patterns, stacks, times, and the results of a series."""

from xrdfit.io.atomic import atomic_directory, atomic_path, atomic_write, atomic_write_blocks
from xrdfit.io.content import CUT, ColumnName
from xrdfit.io.hdf5_stack import Hdf5Stack
from xrdfit.io.journal import Journal
from xrdfit.io.packed import pack, unpack
from xrdfit.io.paths import expand_files, files_there, natural_key, refuse_hopeless
from xrdfit.io.pattern import is_hdf5, read_pattern, read_patterns
from xrdfit.io.results import StoredResults, read_results
from xrdfit.io.results_place import ResultsPlace
from xrdfit.io.series_file import SERIES_FILE, SeriesFile
from xrdfit.io.small_file import small_file
from xrdfit.io.stack import TIMES_WORDS, FileStack, check_files, open_stack
from xrdfit.io.table import header_lines
from xrdfit.io.times import RegularTimes
from xrdfit.io.trajectories import (
    origin_blocks,
    trajectories_blocks,
    trajectories_text,
    write_table,
    write_trajectories_csv,
)
from xrdfit.io.write_stack import Truth, read_truth, write_stack

__all__ = [
    "CUT",
    "SERIES_FILE",
    "TIMES_WORDS",
    "ColumnName",
    "FileStack",
    "Hdf5Stack",
    "Journal",
    "RegularTimes",
    "ResultsPlace",
    "SeriesFile",
    "StoredResults",
    "Truth",
    "atomic_directory",
    "atomic_path",
    "atomic_write",
    "atomic_write_blocks",
    "check_files",
    "expand_files",
    "files_there",
    "header_lines",
    "is_hdf5",
    "natural_key",
    "open_stack",
    "origin_blocks",
    "pack",
    "read_pattern",
    "read_patterns",
    "read_results",
    "read_truth",
    "refuse_hopeless",
    "small_file",
    "trajectories_blocks",
    "trajectories_text",
    "unpack",
    "write_stack",
    "write_table",
    "write_trajectories_csv",
]
