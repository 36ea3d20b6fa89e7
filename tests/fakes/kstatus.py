"""kstatus as Flux, Helm and `kubectl apply --wait` read an object of a custom kind.

Source: sigs.k8s.io/cli-utils, pkg/kstatus/status; the rules in the order in which it asks them.
"""

from collections.abc import Mapping
from typing import Any

TERMINATING = "Terminating"
IN_PROGRESS = "InProgress"
FAILED = "Failed"
CURRENT = "Current"


def kstatus(body: Mapping[str, Any]) -> str:
    """Return what kstatus computes of an object."""
    metadata, status = body["metadata"], body.get("status", {})
    if "deletionTimestamp" in metadata:
        return TERMINATING
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata["generation"]:
        return IN_PROGRESS
    conditions = status.get("conditions", [])
    for each in conditions:
        if each["status"] == "True" and each["type"] in ("Reconciling", "Stalled"):
            return IN_PROGRESS if each["type"] == "Reconciling" else FAILED
    ready = next((each["status"] for each in conditions if each["type"] == "Ready"), "True")
    return CURRENT if ready == "True" else IN_PROGRESS
