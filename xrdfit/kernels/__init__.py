"""Numba kernels: arrays and floats in, arrays out; no class, no file, no unit object above them is known here."""
