"""Insights on pages: ranges, figures, charts and lists, each with its own URL.

The panel, dashboards and share links create a `View` of their scope. Templates render it
(templates/reports/macros.html).
"""
