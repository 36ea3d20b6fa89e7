"""cosign, and a registry: Go programs from tools modules of their own."""

from pathlib import Path

from controlplane.binaries import Program, Toolset

HERE = Path(__file__).resolve().parent

_COSIGN = "github.com/sigstore/cosign/v2"
COSIGN = Toolset(
    name="cosign",
    module=HERE / "cosign",
    pin=_COSIGN,
    programs=(Program("cosign", f"{_COSIGN}/cmd/cosign", 150),),
    stamps={"sigs.k8s.io/release-utils/version.gitVersion": "{version}"},
)
_CRANE = "github.com/google/go-containerregistry"
CRANE = Toolset(
    name="crane",
    module=HERE / "registry",
    pin=_CRANE,
    programs=(Program("crane", f"{_CRANE}/cmd/crane", 10),),
    stamps={f"{_CRANE}/cmd/crane/cmd.Version": "{version}"},
)
"""Serves a registry from a folder, and changes what is in one."""
