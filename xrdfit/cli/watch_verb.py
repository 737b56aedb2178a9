"""The words of ``xrdfit watch``."""

from __future__ import annotations

from typing import Annotated

import typer

from xrdfit.cli.doing import Fresh, Output, Recipe, do


def watch(
    recipe: Recipe,
    output: Output = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it on a page, at this machine only.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Of the page; a free one by default.")
    ] = None,
    poll: Annotated[float, typer.Option("--poll", min=0.05, max=3600.0, help="Seconds between two looks.")] = 1.0,
    until_idle: Annotated[
        float | None,
        typer.Option(
            "--until-idle", metavar="S", min=0.0, help="End S seconds after the last scan; by Ctrl-C if left out."
        ),
    ] = None,
    fresh: Fresh = False,
) -> None:
    """Live: fit scans as they arrive, and refine the whole series when no more come."""
    from xrdfit.cli.watch import WatchOptions, run_watch

    options = WatchOptions(serve=serve, port=port, poll_s=poll, until_idle_s=until_idle, fresh=fresh)
    do(lambda: run_watch(recipe, output, options), of_series=True)
