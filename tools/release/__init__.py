"""Builds and checks the packages of a release (`make release`). It publishes nothing."""
