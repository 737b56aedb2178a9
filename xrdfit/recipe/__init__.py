"""Recipes: what the user writes, checked, and the job that is made of it."""

from xrdfit.recipe.build import COLORS, build_job, instrument_before_scans
from xrdfit.recipe.job import Job
from xrdfit.recipe.lineage import differences, lineage
from xrdfit.recipe.load import Recipe, load_recipe, recipe_of
from xrdfit.recipe.lock import LOCK, lock_text, package_versions, parse_lock

__all__ = [
    "COLORS",
    "LOCK",
    "Job",
    "Recipe",
    "build_job",
    "differences",
    "instrument_before_scans",
    "lineage",
    "load_recipe",
    "lock_text",
    "package_versions",
    "parse_lock",
    "recipe_of",
]
