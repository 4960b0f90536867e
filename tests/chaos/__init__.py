"""The fault campaign: real servers under load, and everything that can be done to them (docs/reliability.md)."""
