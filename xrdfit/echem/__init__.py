"""The cycler's side: records, charge, states of charge of scans, and GITT."""

from xrdfit.echem.align import ScanElectrochemistry, align_scans
from xrdfit.echem.charge import ChargeCount, HalfCycle, SocScale, count_charge, soc_scale
from xrdfit.echem.gitt import MOST_TAU, GittPulse, GittSettings, find_pulses
from xrdfit.echem.quantities import ColumnNames
from xrdfit.echem.read import cycler_files, join_records, read_cycler
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.settings import CyclerSettings
from xrdfit.echem.tables import Reading

__all__ = [
    "MOST_TAU",
    "ChargeCount",
    "ColumnNames",
    "CyclerRecord",
    "CyclerSettings",
    "GittPulse",
    "GittSettings",
    "HalfCycle",
    "Reading",
    "ScanElectrochemistry",
    "SocScale",
    "align_scans",
    "count_charge",
    "cycler_files",
    "find_pulses",
    "join_records",
    "read_cycler",
    "soc_scale",
]
