"""The fault campaign: servers under load, and every fault we can cause (docs/development.md)."""
