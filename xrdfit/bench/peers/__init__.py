"""Other programs on the same stack; each in a file of its own, imported when it is asked for."""

from xrdfit.bench.peers.compare import compare

__all__ = ["compare"]
