"""Publishes a release to a registry of this machine, signs it, and tries to pass off another."""
