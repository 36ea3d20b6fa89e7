"""Pods that run without a kubelet: a scheduler, and kwok with one fake node.

`binaries` says where the programs come from, `cluster` runs them beside a control plane.
Development only: nothing here ships with the operator.
"""

from kwok.binaries import KWOK, SCHEDULER

__all__ = ["KWOK", "SCHEDULER"]
