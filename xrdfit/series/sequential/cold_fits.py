"""Scans that are fitted from nothing, by whoever does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanStack
from xrdfit.fit import PreparedScan
from xrdfit.series.kept import KeptScans
from xrdfit.series.sequential.first_pass import prepared
from xrdfit.series.sequential.fitted import Fitted
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class FromNothing:
    """What the fits have in common: see `ScanFitter.cold`. at_hand : scans that need not be read."""

    fitter: ScanFitter
    stack: ScanStack
    start: NDArray[np.float64]
    reach: Sequence[float]
    at_hand: KeptScans = field(default_factory=KeptScans)


def fit_from_nothing(common: FromNothing, index: int) -> Fitted | None:
    """None if the scan cannot be read any more."""
    scan = prepared(common.fitter, common.stack, index, common.at_hand)
    return None if isinstance(scan, str) else common.fitter.cold(scan, common.start, reach=common.reach)


@dataclass(frozen=True, slots=True)
class ColdFits:
    """Has the workers fit scans of a stack from nothing; see `xrdfit.series.sequential.survey.FitAll`."""

    workers: Workers
    stack: ScanStack

    def __call__(
        self, fitter: ScanFitter, given: Mapping[int, PreparedScan], start: NDArray[np.float64], reach: Sequence[float]
    ) -> dict[int, Fitted]:
        """Fits by index, without those of scans that a worker could not read."""
        common = FromNothing(fitter=fitter, stack=self.stack, start=start, reach=tuple(reach))
        for index, scan in given.items():
            common.at_hand.keep(index, scan)
        found = zip(given, self.workers.map(fit_from_nothing, list(given), common), strict=True)
        return {index: fitted for index, fitted in found if fitted is not None}
