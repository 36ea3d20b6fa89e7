"""What kube-score and kube-linter may say of a rendering: nothing, but for what is listed here."""

from collections.abc import Mapping

from charttools.programs import KUBE_LINTER, KUBE_SCORE, acquire, run, version_of
from controlplane.binaries import ensure

SCORE_EXCEPTIONS: Mapping[str, str] = {
    "container-ephemeral-storage-request-and-limit": "the one volume to write to has a size limit",
    "container-image-pull-policy": "a published version never changes, so a copy may be used",
    "deployment-has-host-podantiaffinity": "replicas are spread by topologySpreadConstraints",
    "deployment-replicas": "one is the default: a second only waits for the Lease",
    "deployment-strategy": "two operators may overlap only under a Lease; two simulators never",
    "pod-networkpolicy": "off by default; hooks of Helm, which it leaves out, serve nothing",
    "pod-probes-identical": "the simulator, for trials, has nothing to warm up",
}
"""Checks of kube-score that some rendering does not pass, and why that is meant."""
OPTIONAL = ("container-ports-check", "container-seccomp-profile")

LINTER_EXCEPTIONS: Mapping[str, str] = {
    "access-to-secrets": "objects refer to Secrets, which the operator reads; it never writes one",
    "dnsconfig-options": "how a cluster resolves names is the cluster's",
    "env-value-from": "credentials.existingSecret exists already, so no rendering holds it",
    "env-var-secret": "looks at names alone: AGENTRUN_OPERATOR_SECRET_ACCESS is no secret",
    "minimum-three-replicas": "one is the default: a second only waits for the Lease",
    "no-anti-affinity": "replicas are spread by topologySpreadConstraints",
    "no-liveness-probe": "hooks of Helm end by themselves; of Deployments kube-score asks for it",
    "no-node-affinity": "affinity and nodeSelector are values, for those whose nodes differ",
    "no-readiness-probe": "hooks of Helm serve nothing; of Deployments kube-score asks for it",
    "no-rolling-update-strategy": "two operators may overlap only under a Lease",
    "non-isolated-pod": "the policy is off by default; hooks of Helm serve nothing",
    "priority-class-name": "priorityClassName names a class of the user's",
    "read-secret-from-env-var": "credentials.mode Secret hands keys over so; RRSA needs none",
    "required-annotation-email": "a convention of some organisations; podAnnotations is a value",
    "required-label-owner": "a convention of some organisations; commonLabels is a value",
    "restart-policy": "Always is a Deployment's default; a hook that failed must not start again",
    "schema-validation": "loads schemas from the network; kubeconform has them here",
    "sorted-keys": "the order of keys means nothing",
}
"""Checks of kube-linter, which runs all that it has, that some rendering does not pass, and why."""


def score(manifests: str) -> None:
    """Hold a rendering to kube-score.

    Raises:
        ChartError: it has a remark.
    """
    options = ["--output-format=ci", "--kubernetes-version=v1.36", "--exit-one-on-warning"]
    # A CPU limit would only delay the operator's start; memory is limited.
    options += ["--ignore-container-cpu-limit"]
    options += [f"--ignore-test={name}" for name in SCORE_EXCEPTIONS]
    options += [f"--enable-optional-test={name}" for name in OPTIONAL]
    run([ensure(KUBE_SCORE) / "kube-score", "score", *options, "-"], text=manifests)


def lint(renderings: Mapping[str, str]) -> str:
    """Hold renderings, by name, to all checks of kube-linter; return its version.

    Raises:
        ChartError: it has a remark.
        UnavailableError: there is no kube-linter, and none can be built.
    """
    program = acquire(KUBE_LINTER)
    options = ["--add-all-built-in", f"--exclude={','.join(LINTER_EXCEPTIONS)}"]
    # Without a manifest that it understands it would be content.
    options += ["--fail-if-no-objects-found"]
    for name, manifests in renderings.items():
        run([program, "lint", *options, "-"], text=manifests, about=f"the values {name!r}")
    return version_of(program)
