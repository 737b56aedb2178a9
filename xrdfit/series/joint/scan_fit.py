"""What a joint fit says of one of its scans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import Agreement
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import JointErrors, parameter_covariance
from xrdfit.series.joint.solver import JointSolution
from xrdfit.series.kept import KeptScan
from xrdfit.series.state import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScanFit:
    """One scan: its place in a chain, the chain's solution and errors, and what was decided of its phases.

    ``values`` (n_parameters,) are those of the table. ``alone``: it was set aside, and fitted with what the others
    share. ``displaced``: its lines do not stand where the positions that it shares put them, so that its cells mean
    nothing.
    """

    chain: Chain
    position: int
    solution: JointSolution
    errors: JointErrors
    values: NDArray[np.float64]
    status: tuple[Status, ...]
    alone: bool
    displaced: bool = False

    @property
    def kept(self) -> KeptScan:
        return self.chain.scans[self.position].kept

    @property
    def local(self) -> NDArray[np.float64]:
        """(n_local,) the scan's own variables."""
        return self.solution.state.local[self.position]

    @property
    def scales(self) -> NDArray[np.float64]:
        """(P,)."""
        return self.local[self.chain.layout.scale]

    @property
    def agreement(self) -> Agreement:
        return self.errors.agreement[self.position]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(n_local, n_local) marginal covariance of the scan's own variables."""
        return self.errors.covariance(self.position)

    @property
    def parameter_covariance(self) -> NDArray[np.float64]:
        """(n_parameters, n_parameters) of all parameters; zero for what did not move, NaN for the blind."""
        return parameter_covariance(self.chain, self.position, self.solution, self.errors)

    def scale_with_esd(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(P,) scales and esds."""
        return self.scales, self.errors.scale_esd[self.position]

    def totals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(P,) intensity of all lines of each phase together, and its esd; the scale where no line deviates."""
        layout = self.chain.layout
        if not layout.deviations:
            return self.scale_with_esd()
        by_local = np.zeros((layout.n_phases, layout.n_local))
        for phase, deviates in enumerate(self.chain.scans[self.position].deviates):
            if deviates:
                by_local[phase, layout.deviation.start + np.flatnonzero(layout.lines.phase == phase)] = 1.0
            else:
                by_local[phase, layout.local.size + phase] = 1.0
        total = by_local @ self.local
        variance = np.einsum("ij,jk,ik->i", by_local, self.covariance, by_local)
        return total, np.sqrt(np.maximum(variance, 0.0))

    @property
    def z(self) -> NDArray[np.float64]:
        """(P,) intensity of each phase over its esd."""
        total, esd = self.totals()
        return np.divide(total, esd, out=np.zeros_like(total), where=esd > 0.0)
