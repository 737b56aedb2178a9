"""The command line: thin, and light until a verb runs."""

from xrdfit.cli.app import main

__all__ = ["main"]
