"""Derives the simulator's API description from the official SDK, as it is installed."""
