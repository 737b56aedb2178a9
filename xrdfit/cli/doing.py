"""How a verb is run, and the words that several verbs share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from xrdfit.cli.problems import guarded

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe in TOML.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to write.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Replace what is there.")]

# Whether tracebacks are wanted.
state = {"debug": False}


def do(run: Callable[[], int], *, of_series: bool = False) -> None:
    """Run a verb to its exit code, mistakes turned into messages."""
    # What has imported kernels may have to compile some.
    if "xrdfit.kernels.jit" in sys.modules:
        from xrdfit.cli.compiling import tell_of_compiling

        tell_of_compiling(of_series=of_series)
    raise typer.Exit(guarded(run, debug=state["debug"]))
