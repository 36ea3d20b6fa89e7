"""A genuine Argo CD on this machine, and what it has to know about our kinds.

`customizations` writes the health checks as Argo CD keeps them, `capture` takes their test data
from a running operator, `launcher` runs Argo CD. Development only: nothing here ships with the
operator.
"""

from argocd.binaries import ARGOCD

__all__ = ["ARGOCD"]
