"""Builds the operator's image and starts it once, with docker or without."""
