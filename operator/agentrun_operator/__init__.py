"""Kubernetes operator for Alibaba Cloud AgentRun."""

__version__ = "0.1.0"
