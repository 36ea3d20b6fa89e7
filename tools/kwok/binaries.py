"""Where kwok and the scheduler come from: Go tools modules."""

from controlplane.binaries import KUBERNETES, TOOLS, Program, Toolset

KWOK = Toolset(
    name="kwok",
    module=TOOLS / "kwok",
    pin="sigs.k8s.io/kwok",
    programs=(Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", 100),),
    stamps={"sigs.k8s.io/kwok/pkg/consts.Version": "{version}"},
)

SCHEDULER = Toolset(
    name="kube-scheduler",
    module=KUBERNETES.module,
    pin=KUBERNETES.pin,
    programs=(Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 30),),
    stamps=KUBERNETES.stamps,
)
"""Apart from the other programs: only what runs Pods needs it."""
