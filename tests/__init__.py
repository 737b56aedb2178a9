"""Tests; a package so that all rooms share `tests.twins` and `tests.scans`."""
