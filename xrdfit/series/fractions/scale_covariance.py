"""Errors of the scales of a whole series, kept in a form that grows linearly with the number of scans."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleCovariance:
    """Covariance of the scales of n scans and P phases.

    ``cov(S_s, S_t) = local_s [s = t] + response_s shared response_t^T``, plus ``neighbour`` where ``|s - t| = 1``.

    Attributes
    ----------
    local : (n, P, P) what a scan's own counts leave open.
    response : (n, P, B) derivative of the scales by the parameters that the scans share.
    shared : (B, B) covariance of the shared parameters.
    neighbour : (n - 1, P, P) ``cov(S_{s+1}, S_s)``, or None if successive scans have nothing else in common.
    """

    local: NDArray[np.float64]
    response: NDArray[np.float64]
    shared: NDArray[np.float64]
    neighbour: NDArray[np.float64] | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether a scan has errors at all."""
        finite = np.isfinite(self.local).all(axis=(1, 2)) & np.isfinite(self.response).all(axis=(1, 2))
        return np.asarray(finite)

    def of_multiples(self, factor: NDArray[np.float64], scans: NDArray[np.bool_]) -> ScaleCovariance:
        """That of ``factor * scales``, (n, P) each; scans outside the mask (n,) become exact zeros."""
        f = np.where(scans[:, None], factor, 0.0)
        neighbour = None
        if self.neighbour is not None:
            both = (scans[1:] & scans[:-1])[:, None, None]
            neighbour = np.where(both, self.neighbour, 0.0) * f[1:, :, None] * f[:-1, None, :]
        return ScaleCovariance(
            local=np.where(scans[:, None, None], self.local, 0.0) * f[:, :, None] * f[:, None, :],
            response=np.where(scans[:, None, None], self.response, 0.0) * f[:, :, None],
            shared=self.shared,
            neighbour=neighbour,
        )

    def widened(self, factor: float) -> ScaleCovariance:
        """That of scales whose errors are larger by `factor`, those that the scans share excepted."""
        neighbour = None if self.neighbour is None else factor**2 * self.neighbour
        return replace(self, local=factor**2 * self.local, neighbour=neighbour)

    def with_sum(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, P, K) covariance of each scan's scales with ``sum_t weights_t S_t``, the weights being (n, K, P)."""
        transposed = weights.transpose(0, 2, 1)
        in_common = np.tensordot(weights, self.response, axes=((0, 2), (0, 1)))
        result = self.local @ transposed + self.response @ (self.shared @ in_common.T)
        if self.neighbour is not None:
            result[1:] += self.neighbour @ transposed[:-1]
            result[:-1] += self.neighbour.transpose(0, 2, 1) @ transposed[1:]
        return result

    def of_sum(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, K) covariance of ``sum_s weights_s S_s``, the weights being (n, K, P)."""
        result = np.tensordot(weights, self.with_sum(weights), axes=((0, 2), (0, 1)))
        return 0.5 * (result + result.T)

    def of_each(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, K, K) covariance of ``weights_s S_s`` in each scan by itself, the weights being (n, K, P)."""
        reach = weights @ self.response
        own = weights @ self.local @ weights.transpose(0, 2, 1)
        return own + reach @ self.shared @ reach.transpose(0, 2, 1)
