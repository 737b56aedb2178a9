"""The cycler's side: records, charge, states of charge of scans, and GITT."""

from xrdfit.echem.align import CyclerSettings, ScanElectrochemistry, align_scans
from xrdfit.echem.charge import ChargeCount, HalfCycle, SocScale, count_charge, soc_scale
from xrdfit.echem.quantities import ColumnNames
from xrdfit.echem.read import join_records, read_cycler
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.tables import Reading

__all__ = [
    "ChargeCount",
    "ColumnNames",
    "CyclerRecord",
    "CyclerSettings",
    "HalfCycle",
    "Reading",
    "ScanElectrochemistry",
    "SocScale",
    "align_scans",
    "count_charge",
    "join_records",
    "read_cycler",
    "soc_scale",
]
