"""The reports of a community."""

from . import community_reports  # noqa: F401  (it adds its routes)
