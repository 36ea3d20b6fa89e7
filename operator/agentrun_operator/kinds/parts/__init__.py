"""Structures and rules that several kinds share, by theme."""
