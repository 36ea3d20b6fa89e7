"""The generated pieces of the Helm chart: gated CRDs, and the rules of its roles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.rbac import (
    SECRETS,
    Permission,
    cluster_permissions,
    namespaced_permissions,
    own_permissions,
)
from agentrun_operator.crdgen.render import HEADER, MARK, yaml_text

TEMPLATES = "charts/agentrun-operator/templates"
RULES = f"{TEMPLATES}/_rules.tpl"
LEASE = '{{ include "agentrun-operator.fullname" . }}'


def crd_template(crd: Mapping[str, Any]) -> str:
    """Return a CRD as a chart template, installed and kept as the values say."""
    body = yaml_text({"spec": crd["spec"]})
    # A brace pair in a description would be a template action to Helm.
    body = body.replace("{{", '{{ "{{" }}')
    return "".join(
        (
            HEADER,
            "{{- if .Values.crds.install }}\n",
            f"apiVersion: {crd['apiVersion']}\n",
            f"kind: {crd['kind']}\n",
            "metadata:\n",
            f"  name: {crd['metadata']['name']}\n",
            "  labels:\n",
            '    {{- include "agentrun-operator.labels" . | nindent 4 }}\n',
            "  {{- if .Values.crds.keep }}\n",
            "  annotations:\n",
            "    helm.sh/resource-policy: keep\n",
            "  {{- end }}\n",
            body,
            "{{- end }}\n",
        )
    )


def rules_template(kinds: Iterable[ResourceKind]) -> str:
    """Return the named templates with the rules of the chart's roles."""
    found = tuple(kinds)
    return "".join(
        (
            f"{{{{/* {MARK}; do not edit */}}}}\n",
            '{{- define "agentrun-operator.namespacedRules" -}}\n',
            _namespaced(namespaced_permissions(found, "watch")),
            "{{- end }}\n",
            '{{- define "agentrun-operator.clusterRules" -}}\n',
            "".join(map(_rule, cluster_permissions(found))),
            "{{- end }}\n",
            '{{- define "agentrun-operator.ownRules" -}}\n',
            "".join(map(_rule, own_permissions(LEASE))),
            "{{- end }}\n",
        )
    )


def _namespaced(permissions: Sequence[Permission]) -> str:
    lines = []
    for permission in permissions:
        if permission is SECRETS["watch"]:
            lines += [
                '{{- if eq .Values.secretAccess "get" }}\n',
                _rule(SECRETS["get"]),
                "{{- else }}\n",
                _rule(permission),
                "{{- end }}\n",
            ]
        else:
            lines.append(_rule(permission))
    return "".join(lines)


def _rule(permission: Permission) -> str:
    rule = {key: list(value) for key, value in permission.rule().items()}
    return f"# {permission.why}\n{yaml_text([rule])}"
