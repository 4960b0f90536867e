"""Loads the tables of all features, and the rules for their rows."""

from importlib import import_module

from koyjabo.base.database import upkeep_rules

FEATURES_WITH_TABLES = """
base.database base.jobs people people.audit people.mail people.accounts presence.members counting counting.evidence
counting.page_numbers integrations.api_keys columns.blocks reports upkeep.retention upkeep.stored_settings
site.getting_started
"""
FEATURES_WITH_RULES = """
integrations.api_keys reports
"""


def load_tables() -> None:
    """Import the tables of all features, so that SQLAlchemy knows them. Idempotent."""
    for feature in FEATURES_WITH_TABLES.split():
        import_module(f"koyjabo.{feature}.models")
    modules = (import_module(f"koyjabo.{feature}.upkeep_queries") for feature in FEATURES_WITH_RULES.split())
    upkeep_rules.use(module.RULES for module in modules)
