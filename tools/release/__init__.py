"""Builds and checks the packages of a release (`make release`). It sends nothing."""
