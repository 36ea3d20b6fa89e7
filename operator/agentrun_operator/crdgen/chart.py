"""The generated pieces of the Helm chart: gated CRDs, and the rules of its roles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.rbac import (
    SECRETS,
    Permission,
    cluster_permissions,
    edit_permissions,
    namespaced_permissions,
    own_permissions,
    selftest_permissions,
    use_permissions,
    view_permissions,
)
from agentrun_operator.crdgen.render import HEADER, MARK, yaml_text

TEMPLATES = "charts/agentrun-operator/templates"
RULES = f"{TEMPLATES}/_rules.tpl"
LEASE = '{{ include "agentrun-operator.fullname" . }}'


@dataclass(frozen=True, slots=True)
class CrdChart:
    """A chart that installs the CRDs, and what it calls the values that govern them."""

    folder: str
    """Folder of its CRD templates, relative to the repository."""
    labels: str
    """Named template with the labels of every object."""
    values: str
    """Prefix of `keep`, `annotations` and `labels` in the values."""
    switch: str | None = None
    """Value that decides whether CRDs are installed at all."""


CRD_CHARTS = (
    CrdChart(
        folder=f"{TEMPLATES}/crds",
        labels="agentrun-operator.labels",
        values=".Values.crds",
        switch=".Values.crds.install",
    ),
    CrdChart(
        folder="charts/agentrun-operator-crds/templates/crds",
        labels="agentrun-operator-crds.labels",
        values=".Values",
    ),
)
"""The operator's own chart, and the one for clusters where others install CRDs than operators."""


def crd_template(crd: Mapping[str, Any], chart: CrdChart) -> str:
    """Return a CRD as a chart template, installed and kept as the values say."""
    body = yaml_text({"spec": crd["spec"]})
    # A brace pair in a description would be a template action to Helm.
    body = body.replace("{{", '{{ "{{" }}')
    return "".join(
        (
            HEADER,
            f"{{{{- if {chart.switch} }}}}\n" if chart.switch else "",
            f"apiVersion: {crd['apiVersion']}\n",
            f"kind: {crd['kind']}\n",
            "metadata:\n",
            f"  name: {crd['metadata']['name']}\n",
            "  labels:\n",
            f'    {{{{- include "{chart.labels}" . | nindent 4 }}}}\n',
            f"    {{{{- with {chart.values}.labels }}}}\n",
            "    {{- toYaml . | nindent 4 }}\n",
            "    {{- end }}\n",
            f"  {{{{- if or {chart.values}.keep {chart.values}.annotations }}}}\n",
            "  annotations:\n",
            f"    {{{{- if {chart.values}.keep }}}}\n",
            "    helm.sh/resource-policy: keep\n",
            "    {{- end }}\n",
            f"    {{{{- with {chart.values}.annotations }}}}\n",
            "    {{- toYaml . | nindent 4 }}\n",
            "    {{- end }}\n",
            "  {{- end }}\n",
            body,
            "{{- end }}\n" if chart.switch else "",
        )
    )


def rules_template(kinds: Iterable[ResourceKind]) -> str:
    """Return the named templates with the rules of the chart's roles."""
    found = tuple(kinds)
    return f"{{{{/* {MARK}; do not edit */}}}}\n" + "".join(
        f'{{{{- define "agentrun-operator.{name}Rules" -}}}}\n{rules}{{{{- end }}}}\n'
        for name, rules in {
            "namespaced": _namespaced(namespaced_permissions(found, "watch")),
            "secret": _secrets(),
            "cluster": _rules(cluster_permissions(found)),
            "own": _rules(own_permissions(LEASE)),
            "selftest": _rules(selftest_permissions()),
            "view": _rules(view_permissions(found)),
            "edit": _rules(edit_permissions(found)),
            "use": _rules(use_permissions(found)),
        }.items()
    )


def _namespaced(permissions: Sequence[Permission]) -> str:
    lines = []
    for permission in permissions:
        if permission is SECRETS["watch"]:
            secrets = '{{ include "agentrun-operator.secretRules" . }}\n'
            lines += ["{{- if not .Values.secretNamespaces }}\n", secrets, "{{- end }}\n"]
        else:
            lines.append(_rule(permission))
    return "".join(lines)


def _secrets() -> str:
    lines = (
        '{{- if eq .Values.secretAccess "get" -}}\n',
        _rule(SECRETS["get"]),
        "{{- else -}}\n",
        _rule(SECRETS["watch"]),
        "{{- end }}\n",
    )
    return "".join(lines)


def _rules(permissions: Sequence[Permission]) -> str:
    return "".join(map(_rule, permissions))


def _rule(permission: Permission) -> str:
    rule = {key: list(value) for key, value in permission.rule().items()}
    return f"# {permission.why}\n{yaml_text([rule])}"
