"""Insights as pages show it: ranges, figures, charts and lists, each with an address.

The panel, dashboards and share links make a `View` of their scope; templates draw it (templates/reports/macros.html).
"""
