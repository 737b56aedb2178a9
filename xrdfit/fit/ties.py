"""What the other scans say of lines that this scan cannot tell apart.

Lines of one phase that lie within a part of their width of each other are seen by their sum; how it divides is lost in
noise long before the sum is, and the cell goes wherever the division leads it. A series has seen the same powder
before: the division is held near the one found where the phase stands beyond doubt, by an observation with a standard
deviation. Lines that the scan can tell apart are left free, and where the counts say more than this, they prevail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xrdfit.model import LineChoice, Placement

# Distance, in FWHM, below which two lines count as unresolved.
UNRESOLVED = 0.5
# Standard deviation of a pair's division between scans, as a part of the pair's intensity (texture, coarse grains).
SPREAD = 0.1

Expected = Mapping[tuple[int, int, int], float]


def tie_unresolved(lines: LineChoice, placement: Placement, expected: Sequence[Expected]) -> NDArray[np.float64]:
    """(m, n_ties) combinations of areas, in units of their standard deviation, that should be zero.

    expected : per phase, the areas of its lines as the other scans would have them; empty for a phase without ties.
    """
    ties = []
    for phase, areas in enumerate(expected):
        own = np.flatnonzero(lines.phase == phase)
        own = own[np.argsort(placement.position[own, 0])]
        for i, j in pairwise(own):
            width = placement.gauss[i, 0] + placement.lorentz[i, 0]
            if placement.position[j, 0] - placement.position[i, 0] > UNRESOLVED * width:
                continue
            first, second = (areas.get((int(h), int(k), int(m)), 0.0) for h, k, m in lines.hkl[[i, j]])
            total = first + second
            if total > 0.0:
                tie = np.zeros(lines.phase.size)
                tie[i], tie[j] = second / total, -first / total
                ties.append(tie / (SPREAD * total))
    return np.array(ties).T if ties else np.zeros((lines.phase.size, 0))
