"""How fast xrdfit is on this machine, by itself and beside other programs."""

from xrdfit.bench.run import run_benchmark

__all__ = ["run_benchmark"]
