"""What the charts refuse, and that schema, values and README tell the same story."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import CHART, CRD_CHART, EVERYTHING, helm, parsed, rendered
from charttools.metadata import chart_yaml, readme

BAD = {
    "a typo at the top": ("replicas=2", "'replicas' not allowed"),
    "a typo below": ("crds.instal=false", "'instal' not allowed"),
    "a typo in a list": ('imagePullSecrets=[{"nam":"x"}]', "/imagePullSecrets/0"),
    "half a replica": ("replicaCount=1.5", "/replicaCount"),
    "replicas as text": ('replicaCount="2"', "/replicaCount"),
    "a crowd": ("replicaCount=50", "/replicaCount"),
    "two operators without a Lease": (("leaderElection=false", "replicaCount=2"), "/replicaCount"),
    "leaderElection as an object": ('leaderElection={"enabled":true}', "/leaderElection"),
    "a switch as text": ('rbac.create="yes"', "/rbac/create"),
    "one namespace that is no list": ('watchNamespaces="team-a"', "/watchNamespaces"),
    "a namespace that cannot be": ('watchNamespaces=["Team_A"]', "/watchNamespaces/0"),
    "a namespace twice": ('watchNamespaces=["a","a"]', "/watchNamespaces"),
    "a namespace of Secrets that cannot be": (
        'secretNamespaces=["Team_A"]',
        "/secretNamespaces/0",
    ),
    "an access that does not exist": ('secretAccess="list"', "/secretAccess"),
    "a class that is no label": (f'controllerClass="{"c" * 64}"', "/controllerClass"),
    "a cluster id with a slash": ('clusterId="prod/1"', "/clusterId"),
    "an endpoint without scheme": ('endpointAllowList=["a.example"]', "/endpointAllowList/0"),
    "an endpoint with a path": ('endpointAllowList=["https://a/b"]', "/endpointAllowList/0"),
    "an account as a number": ("account.id=1234567890", "/account/id"),
    "an account with letters": ('account.id="me"', "/account/id"),
    "an account without region": ('account.id="1234567890"', "/account/region"),
    "a region that cannot be": ('account.region="Hangzhou"', "/account/region"),
    "an endpoint of another scheme": ('account.endpoint="ftp://x"', "/account/endpoint"),
    "no ServiceAccount at all": ("serviceAccount.create=false", "/serviceAccount/name"),
    "an annotation that is no text": (
        'serviceAccount.annotations={"a":1}',
        "/serviceAccount/annotations/a",
    ),
    "an unknown mode": ('credentials.mode="rrsa"', "/credentials/mode"),
    "a Secret without its mode": (
        'credentials.existingSecret="keys"',
        "/credentials/existingSecret",
    ),
    "the mode without a Secret": ('credentials.mode="Secret"', "/credentials/existingSecret"),
    "RRSA without a role": ('credentials.mode="RRSA"', "/credentials/rrsa/roleName"),
    "an ARN where a name belongs": (
        'credentials={"mode":"RRSA","rrsa":{"roleName":"acs:ram::1:role/x"}}',
        "/credentials/rrsa/roleName",
    ),
    "a role in another mode": (
        'credentials={"mode":"ECSRole","rrsa":{"roleName":"x"}}',
        "/credentials/rrsa/roleName",
    ),
    "RRSAManual without provider": (
        'credentials={"mode":"RRSAManual","rrsa":{"roleArn":"acs:ram::1:role/x"}}',
        "/credentials/rrsa/oidcProviderArn",
    ),
    "a name where an ARN belongs": (
        'credentials={"mode":"RRSAManual","rrsa":{"roleArn":"x","oidcProviderArn":"y"}}',
        "/credentials/rrsa/roleArn",
    ),
    "a token that lives too short": (
        "credentials.rrsa.tokenExpirationSeconds=60",
        "/credentials/rrsa/tokenExpirationSeconds",
    ),
    "a VPC without region": ("credentials.rrsa.stsVpc=true", "/credentials/rrsa/stsRegion"),
    "a key in plain text": ('credentials.accessKeyId="x"', "'accessKeyId' not allowed"),
    "a poll without pause": ("polling.steadySeconds=0", "/polling/steadySeconds"),
    "a pause as text": ('polling.transitionSeconds="5s"', "/polling/transitionSeconds"),
    "a resync of years": ("resyncSeconds=1000000", "/resyncSeconds"),
    "no requests at all": ("requestsPerSecond=0", "/requestsPerSecond"),
    "an unknown level": ('logging.level="verbose"', "/logging/level"),
    "an unknown format": ('logging.format="yaml"', "/logging/format"),
    "a digest that is a tag": ('image.digest="latest"', "/image/digest"),
    "a tag with a colon": ('image.tag=":1"', "/image/tag"),
    "an image without a name": ('image.repository=""', "/image/repository"),
    "an unknown pull policy": ('image.pullPolicy="Sometimes"', "/image/pullPolicy"),
    "a port out of range": ("metrics.service.port=70000", "/metrics/service/port"),
    "an interval without unit": (
        'metrics.podMonitor.interval="30"',
        "/metrics/podMonitor/interval",
    ),
    "an alert that does not exist": (
        'metrics.prometheusRule.alerts.AgentRunNothing={"for":"5m"}',
        "'AgentRunNothing' not allowed",
    ),
    "a share beyond all": (
        "metrics.prometheusRule.alerts.AgentRunThrottled.threshold=10",
        "/metrics/prometheusRule/alerts/AgentRunThrottled/threshold",
    ),
    "half an object": (
        "metrics.prometheusRule.alerts.AgentRunObjectsStalled.threshold=0.5",
        "/metrics/prometheusRule/alerts/AgentRunObjectsStalled/threshold",
    ),
    "a threshold where there is none": (
        "metrics.prometheusRule.alerts.AgentRunOperatorDown.threshold=1",
        "'threshold' not allowed",
    ),
    "a selector in braces": (
        'metrics.prometheusRule.selector="{job=\\"x\\"}"',
        "/metrics/prometheusRule/selector",
    ),
    "a runbook without scheme": (
        'metrics.prometheusRule.runbookUrl="wiki.example"',
        "/metrics/prometheusRule/runbookUrl",
    ),
    "a dashboard nowhere": (
        'metrics.dashboard.namespace="Grafana"',
        "/metrics/dashboard/namespace",
    ),
    "an unknown render mode": ('metrics.renderMode="auto"', "/metrics/renderMode"),
    "traces to nowhere": ("traces.enabled=true", "/traces/endpoint"),
    "a collector without scheme": ('traces.endpoint="collector:4318"', "/traces/endpoint"),
    "a collector's login in its URL": ('traces.endpoint="http://u:p@c:1"', "/traces/endpoint"),
    "more traces than passes": ("traces.samplingRatio=2", "/traces/samplingRatio"),
    "an address that is no block": (
        'networkPolicy.apiServerCIDRs=["10.0.0.1"]',
        "/networkPolicy/apiServerCIDRs/0",
    ),
    "an API server without a port": (
        "networkPolicy.apiServerPorts=[]",
        "/networkPolicy/apiServerPorts",
    ),
    "accounts for nobody": ('rbac.accountsFor="view"', "/rbac/accountsFor"),
    "a policy by a switch": ("rbac.configMapPolicy=true", "/rbac/configMapPolicy"),
    "statuses for a word": ('rbac.statusPolicy="yes"', "/rbac/statusPolicy"),
    "both sides of a budget": (
        ("podDisruptionBudget.minAvailable=1", "podDisruptionBudget.maxUnavailable=1"),
        "/podDisruptionBudget/maxUnavailable",
    ),
    "a budget beyond all": (
        'podDisruptionBudget.minAvailable="150%"',
        "/podDisruptionBudget/minAvailable",
    ),
    "resources under another name": ('resources={"request":{}}', "/resources"),
    "a grace period shorter than the drain": (
        "terminationGracePeriodSeconds=5",
        "/terminationGracePeriodSeconds",
    ),
    "a toleration of another effect": ('tolerations=[{"effect":"NoRun"}]', "/tolerations/0/effect"),
    "an affinity under another name": ('affinity={"node":{}}', "/affinity"),
    "a spread without topology": (
        'topologySpreadConstraints=[{"maxSkew":1,"whenUnsatisfiable":"DoNotSchedule"}]',
        "/topologySpreadConstraints/0",
    ),
    "a variable without name": ('extraEnv=[{"value":"x"}]', "/extraEnv/0"),
    "variables as a map": ('extraEnv={"A":"x"}', "/extraEnv"),
    "an argument that is no text": ("extraArgs=[1]", "/extraArgs/0"),
    "a mount without path": ('extraVolumeMounts=[{"name":"x"}]', "/extraVolumeMounts/0"),
    "an extra object that is none": ("extraObjects=[1]", "/extraObjects/0"),
    "a simulator's typo": ('simulator.image.registry="x"', "'registry' not allowed"),
    "a priority class with a space": ('priorityClassName="very high"', "/priorityClassName"),
}


def test_there_are_enough_cases() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_value_is_refused_and_named(case: str) -> None:
    values, complaint = BAD[case]
    done = helm(*((values,) if isinstance(values, str) else values))
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    found = [line for line in done.stderr.splitlines() if line.lstrip().startswith("- at ")]
    assert any(complaint in line for line in found), done.stderr


@pytest.mark.parametrize("value", ["keeep=true", 'keep="yes"', 'labels={"a":1}'])
def test_the_crd_chart_refuses_too(value: str) -> None:
    assert helm(value, chart=CRD_CHART).returncode != 0


@pytest.mark.parametrize("chart", [CHART, CRD_CHART], ids=lambda c: c.name)
class TestStory:
    """Values, schema, README and Chart.yaml of one chart."""

    def test_every_object_of_the_schema_is_closed(self, chart: Path) -> None:
        schema = json.loads((chart / "values.schema.json").read_text())
        assert not [path for path, node in objects(schema) if is_open(node)]

    def test_schema_and_values_know_the_same_names(self, chart: Path) -> None:
        schema = json.loads((chart / "values.schema.json").read_text())
        values = yaml.safe_load((chart / "values.yaml").read_text())
        assert sorted(paths_of(values, schema, schema)) == []

    def test_the_readme_is_fresh(self, chart: Path) -> None:
        assert (chart / "README.md").read_text() == readme(chart), "run make generate"

    def test_the_metadata_is_fresh(self, chart: Path) -> None:
        assert (chart / "Chart.yaml").read_text() == chart_yaml(chart), "run make generate"

    def test_every_value_is_explained(self, chart: Path) -> None:
        rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.+) \|$", readme(chart), re.MULTILINE)
        values = yaml.safe_load((chart / "values.yaml").read_text())
        assert {path.split(".")[0] for path, _ in rows} == set(values)
        assert all(len(meaning) > 5 for _, meaning in rows)


def objects(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the schemas of objects whose properties are listed, conditions left out."""
    if isinstance(node, Mapping):
        if node.get("type") == "object" and "properties" in node:
            yield path, node
        for key, below in node.items():
            if key not in ("if", "then", "else", "allOf"):
                yield from objects(below, f"{path}/{key}")


def is_open(node: Mapping[str, Any]) -> bool:
    """Whether unknown names pass; constraints of Kubernetes' own types may."""
    is_kubernetes = "topologyKey" in node["properties"]
    return node.get("additionalProperties") is not False and not is_kubernetes


def paths_of(
    values: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    """Yield the paths that only one of values and schema knows."""
    schema = root["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    known = schema.get("properties")
    if known is None or prefix.startswith("resources") or ".resources" in prefix:
        return
    for name in set(values) ^ set(known):
        is_kubernetes = prefix == "affinity." or prefix.endswith("tolerations.")
        if not is_kubernetes:
            yield f"{prefix}{name}"
    for name in set(values) & set(known):
        if isinstance(values[name], Mapping):
            yield from paths_of(values[name], known[name], root, f"{prefix}{name}.")


def test_a_release_fits_into_its_secret() -> None:
    """Helm keeps chart and manifest, compressed, in one Secret of at most 1 MiB."""
    import gzip  # noqa: PLC0415

    chart = b"".join(f.read_bytes() for f in sorted(CHART.rglob("*")) if f.is_file())
    size = len(gzip.compress(chart + rendered(*EVERYTHING).encode()))
    assert size * 4 / 3 * 4 / 3 < 700_000


def odd_names(document: object, path: str = "") -> Iterator[str]:
    """Yield where a name, a namespace or a label is no text."""
    if isinstance(document, dict):
        for name, value in document.items():
            at = f"{path}.{name}"
            is_text = name in TEXTS or path.endswith((".labels", ".matchLabels", ".annotations"))
            if is_text and not isinstance(value, str):
                yield f"{at} is {value!r}"
            yield from odd_names(value, at)
    elif isinstance(document, list):
        for item in document:
            yield from odd_names(item, path)


TEXTS = (
    "name",
    "namespace",
    "serviceAccountName",
    "priorityClassName",
    "runtimeClassName",
    "image",
)
NAMED = (
    "nameOverride",
    "fullnameOverride",
    "serviceAccount.name",
    "runtimeClassName",
    "priorityClassName",
    "credentials.existingSecret",
    "image.repository",
)


@pytest.mark.parametrize("name", ["012", "1e3", "0x1f", "true", "null"])
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(name: str) -> None:
    values = [f'{place}="{name}"' for place in NAMED]
    done = helm(
        *(value for value in EVERYTHING if not value.startswith(("credentials", "priority"))),
        *values,
        'credentials.mode="Secret"',
        f'imagePullSecrets=[{{"name":"{name}"}}]',
        f'watchNamespaces=["{name}"]',
        name=name.replace("true", "t").replace("null", "n"),
        options=[f"--namespace={name}"],
    )
    assert done.returncode == 0, done.stderr
    found = [m for m in parsed(done.stdout) if m["kind"] != "CustomResourceDefinition"]
    assert [odd for m in found for odd in odd_names(m, m["kind"])] == []
