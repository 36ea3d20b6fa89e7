"""Where Argo CD's program comes from: the Go tools module beside this file."""

from pathlib import Path

from controlplane.binaries import Program, Toolset

ARGOCD = Toolset(
    name="argocd",
    module=Path(__file__).resolve().parent,
    pin="github.com/argoproj/argo-cd/v3",
    # One program for all components; it goes by the name that it is started under.
    programs=(Program("argocd", "github.com/argoproj/argo-cd/v3/cmd", 150),),
    stamps={"github.com/argoproj/argo-cd/v3/common.version": "{version}"},
)
