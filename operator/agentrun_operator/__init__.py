"""Kubernetes operator for Alibaba Cloud AgentRun."""

__version__ = "0.1.0"
"""The one place of the version; RELEASE.md says what is derived from it."""
