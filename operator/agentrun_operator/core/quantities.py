"""Kubernetes quantities as the API's numbers."""

from decimal import Decimal

_MIB = {"Mi": 1, "Gi": 1024}


def cpu_cores(value: str) -> float:
    """Return cores: `2` → 2.0, `500m` → 0.5."""
    if value.endswith("m"):
        return float(Decimal(value[:-1]) / 1000)
    return float(Decimal(value))


def memory_mib(value: str) -> int:
    """Return whole MiB: `4Gi` → 4096. The API calls the same amount "MB"."""
    return int(value[:-2]) * _MIB[value[-2:]]
