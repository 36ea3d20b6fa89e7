"""The chart's dashboard in front of a live Prometheus: does each panel show something, and what."""

from dashboard.board import Board, BoardError

__all__ = ["Board", "BoardError"]
