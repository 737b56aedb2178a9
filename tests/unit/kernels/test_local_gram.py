"""Products of functions on short stretches against the same functions on all points."""

from __future__ import annotations

import numpy as np

from xrdfit.kernels.local_gram import local_gram


def test_bands_hold_the_products_of_all_functions_that_overlap() -> None:
    rng = np.random.default_rng(3)
    n_points, k = 80, 3
    first = np.array([0, 2, 2, 20, 33, 75])
    count = np.array([12, 25, 4, 20, 0, 5])
    values = rng.normal(size=(first.size, k, 25)) * (np.arange(25) < count[:, None])[:, None, :]
    weight = rng.uniform(0.5, 2.0, n_points)
    full = np.zeros((first.size * k, n_points))
    for group, (begin, size) in enumerate(zip(first, count, strict=True)):
        full[group * k : (group + 1) * k, begin : begin + size] = values[group, :, :size]
    gram = (full * weight) @ full.T

    # The second stretch reaches into the fourth: bands of three groups.
    bands = np.empty((3 * k, full.shape[0]))
    local_gram(values, first, count, weight, bands)

    for below in range(full.shape[0]):
        diagonal = np.diag(gram, -below)
        if below < len(bands):
            np.testing.assert_allclose(bands[below, : diagonal.size], diagonal, rtol=1e-12, atol=1e-12)
        else:
            np.testing.assert_array_equal(diagonal, 0.0)
