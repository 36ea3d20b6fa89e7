"""What the chart renders on request: keys, network, budget, metrics, simulator."""

from typing import Any

import pytest

from agentrun_operator.api.endpoints import DEFAULT_PATTERNS, endpoint_for, is_allowed
from chart.rendering import (
    FULLNAME,
    NAMESPACE,
    container_of,
    environment_of,
    helm,
    installed,
    notes,
    of_kind,
    one,
    pod_of,
)

INJECTION = "pod-identity.alibabacloud.com/injection"
TOKEN_FOLDER = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens"
MANUAL = (
    'credentials={"mode":"RRSAManual","rrsa":{"roleArn":"acs:ram::1:role/agentrun",'
    '"oidcProviderArn":"acs:ram::1:oidc-provider/ack","stsRegion":"cn-hangzhou","stsVpc":true}}'
)
MONITORING = ("--api-versions=monitoring.coreos.com/v1",)


def test_by_default_the_operator_has_no_keys() -> None:
    found = environment_of(installed())
    assert not [name for name in found if "ACCESS_KEY" in name or "ROLE" in name]


def test_debug_is_off_and_then_on_loopback() -> None:
    name = "AGENTRUN_OPERATOR_DEBUG_{}".format
    assert name("PORT") not in environment_of(installed())
    found = environment_of(installed('debug={"enabled":true}'))
    assert (found[name("HOST")], found[name("PORT")]) == ("127.0.0.1", "8081")


def test_keys_come_from_a_secret_and_nowhere_else() -> None:
    found = environment_of(
        installed(
            'account={"id":"1234567890","region":"cn-hangzhou"}',
            'credentials={"mode":"Secret","existingSecret":"keys"}',
        )
    )
    assert found["AGENTRUN_OPERATOR_ACCOUNT_ID"] == "1234567890"
    assert found["AGENTRUN_OPERATOR_REGION"] == "cn-hangzhou"
    sources = {
        name: source["secretKeyRef"]
        for name, source in found.items()
        if name.startswith("AGENTRUN_ACCESS") or name == "AGENTRUN_SECURITY_TOKEN"
    }
    assert sources == {
        "AGENTRUN_ACCESS_KEY_ID": {"name": "keys", "key": "accessKeyId"},
        "AGENTRUN_ACCESS_KEY_SECRET": {"name": "keys", "key": "accessKeySecret"},
        "AGENTRUN_SECURITY_TOKEN": {"name": "keys", "key": "securityToken", "optional": True},
    }


def test_rrsa_leaves_label_and_annotation_for_the_webhook() -> None:
    found = installed('credentials={"mode":"RRSA","rrsa":{"roleName":"agentrun"}}')
    assert pod_of(found)["metadata"]["labels"][INJECTION] == "on"
    assert one(found, "ServiceAccount")["metadata"]["annotations"] == {
        "pod-identity.alibabacloud.com/role-name": "agentrun",
        "pod-identity.alibabacloud.com/service-account-token-expiration": "3600",
    }
    assert environment_of(found)["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] == "true"
    assert INJECTION not in pod_of(installed())["metadata"]["labels"]


def test_rrsa_without_the_webhook_brings_its_own_token() -> None:
    found = installed(MANUAL)
    variables = environment_of(found)
    assert variables["ALIBABA_CLOUD_ROLE_ARN"] == "acs:ram::1:role/agentrun"
    assert variables["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"] == "acs:ram::1:oidc-provider/ack"
    assert variables["ALIBABA_CLOUD_OIDC_TOKEN_FILE"] == f"{TOKEN_FOLDER}/token"
    assert variables["ALIBABA_CLOUD_STS_REGION"] == "cn-hangzhou"
    assert variables["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"] == "true"
    mount = {"name": "rrsa-oidc-token", "mountPath": TOKEN_FOLDER, "readOnly": True}
    assert mount in container_of(found)["volumeMounts"]
    (volume,) = (v for v in pod_of(found)["spec"]["volumes"] if v["name"] == "rrsa-oidc-token")
    token = {"audience": "sts.aliyuncs.com", "expirationSeconds": 3600, "path": "token"}
    assert volume["projected"]["sources"] == [{"serviceAccountToken": token}]
    assert INJECTION not in pod_of(found)["metadata"]["labels"]


def test_the_role_of_the_node_is_asked_for_only_when_told() -> None:
    found = environment_of(installed('credentials.mode="ECSRole"'))
    assert found["AGENTRUN_OPERATOR_INSTANCE_ROLE"] == "true"
    assert "AGENTRUN_OPERATOR_INSTANCE_ROLE" not in environment_of(installed())


def test_annotations_of_the_service_account_may_be_templates() -> None:
    found = installed('serviceAccount.annotations={"for":"{{ .Release.Name }}"}')
    assert one(found, "ServiceAccount")["metadata"]["annotations"] == {"for": "chart"}


def test_an_existing_service_account_is_used_and_not_created() -> None:
    found = installed('serviceAccount={"create":false,"name":"ours"}')
    assert not of_kind(found, "ServiceAccount")
    assert pod_of(found)["spec"]["serviceAccountName"] == "ours"


def test_by_default_there_are_no_traces() -> None:
    assert not [name for name in environment_of(installed()) if name.startswith("OTEL_")]


def test_traces_go_to_the_collector_at_the_wanted_rate() -> None:
    found = environment_of(
        installed('traces={"enabled":true,"endpoint":"http://c:4318","samplingRatio":0.25}')
    )
    assert {name: value for name, value in found.items() if name.startswith("OTEL_")} == {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=$(AGENTRUN_OPERATOR_NAMESPACE),"
        "k8s.pod.name=$(AGENTRUN_OPERATOR_IDENTITY)",
    }
    names = list(found)
    for needed in ("AGENTRUN_OPERATOR_NAMESPACE", "AGENTRUN_OPERATOR_IDENTITY"):
        # Kubernetes fills in only what stands before.
        assert names.index(needed) < names.index("OTEL_RESOURCE_ATTRIBUTES")


class TestNetworkPolicy:
    """Network policies cannot name hosts, so what counts is ports and address blocks."""

    def policy(self, *values: str) -> Any:
        return one(installed(*values), "NetworkPolicy")["spec"]

    def egress(self, *values: str) -> list[tuple[list[Any], Any]]:
        return [
            ([p["port"] for p in rule["ports"]], rule.get("to"))
            for rule in self.policy(*values)["egress"]
        ]

    def test_it_is_on_by_default(self) -> None:
        assert of_kind(installed(), "NetworkPolicy")
        assert not of_kind(installed("networkPolicy.enabled=false"), "NetworkPolicy")

    def test_it_selects_the_operator_and_restricts_both_ways(self) -> None:
        found = installed()
        policy = one(found, "NetworkPolicy")["spec"]
        labels = pod_of(found)["metadata"]["labels"].items()
        assert policy["podSelector"]["matchLabels"].items() <= labels
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert [rule["ports"] for rule in policy["ingress"]] == [
            [{"port": "http", "protocol": "TCP"}]
        ]

    def test_it_lets_out_what_the_operator_dials(self) -> None:
        assert self.egress() == [([53, 53], None), ([443, 6443], None), ([443], None)]
        official = endpoint_for("cn-hangzhou"), endpoint_for("cn-hangzhou", "vpc")
        assert all(is_allowed(url, DEFAULT_PATTERNS) for url in official)

    def test_ports_of_other_endpoints_are_let_out_too(self) -> None:
        found = self.egress(
            'endpointAllowList=["https://a.example:8443","http://b.example"]',
            'account.endpoint="https://d.example:9443"',
            'account.identityCheck.endpoint="https://sts.example:9444"',
        )
        assert found[2] == ([443, 8443, 80, 9443, 9444], None)

    def test_an_endpoint_of_any_port_lets_all_ports_out(self) -> None:
        allowed = 'endpointAllowList=["https://c.example:*"]'
        (ports,) = [rule["ports"] for rule in self.policy(allowed)["egress"][2:]]
        assert ports == [{"port": 1, "endPort": 65535, "protocol": "TCP"}]

    def test_the_ports_of_the_api_server_are_those_of_the_cluster(self) -> None:
        assert self.egress("networkPolicy.apiServerPorts=[8443]")[1] == ([8443], None)

    def test_address_blocks_narrow_it(self) -> None:
        found = self.egress(
            'networkPolicy.apiServerCIDRs=["10.0.0.1/32"]',
            'networkPolicy.agentrunCIDRs=["100.64.0.0/10","fd00::/8"]',
            'networkPolicy.dnsTo=[{"namespaceSelector":{}}]',
        )
        assert [to for _, to in found] == [
            [{"namespaceSelector": {}}],
            [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
            [{"ipBlock": {"cidr": "100.64.0.0/10"}}, {"ipBlock": {"cidr": "fd00::/8"}}],
        ]

    def test_the_metadata_service_is_open_only_for_the_node_role(self) -> None:
        metadata = ([80], [{"ipBlock": {"cidr": "100.100.100.200/32"}}])
        assert metadata in self.egress('credentials.mode="ECSRole"')
        assert metadata not in self.egress()

    def test_the_simulator_is_reachable_where_it_runs(self) -> None:
        found = installed("simulator.enabled=true")
        rule = one(found, "NetworkPolicy")["spec"]["egress"][-1]
        (simulator,) = (
            m for m in of_kind(found, "Deployment") if m["metadata"]["name"] != FULLNAME
        )
        labels = simulator["spec"]["template"]["metadata"]["labels"].items()
        assert rule["to"][0]["podSelector"]["matchLabels"].items() <= labels

    @pytest.mark.parametrize(
        ("endpoint", "port"),
        [
            ("http://collector:4318", 4318),
            ("http://collector:4318/otlp", 4318),
            ("https://otlp.example", 443),
            ("http://otlp.example/v1:2", 80),
            ("http://[fd00::1]:4318", 4318),
        ],
    )
    def test_traces_are_let_out_to_the_collector(self, endpoint: str, port: int) -> None:
        values = "traces.enabled=true", f'traces.endpoint="{endpoint}"'
        assert self.egress(*values)[-1] == ([port], None)
        to = 'networkPolicy.tracesTo=[{"namespaceSelector":{}}]'
        assert self.egress(*values, to)[-1] == ([port], [{"namespaceSelector": {}}])
        assert len(self.egress(*values)) == len(self.egress(to)) + 1

    def test_more_rules_can_be_added(self) -> None:
        rule = '[{"ports":[{"port":3128}],"to":[{"ipBlock":{"cidr":"10.1.0.0/16"}}]}]'
        assert self.egress(f"networkPolicy.extraEgress={rule}")[-1] == (
            [3128],
            [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
        )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), {"maxUnavailable": 1}),
        (("podDisruptionBudget.minAvailable=1",), {"minAvailable": 1}),
        (("podDisruptionBudget.minAvailable=0",), {"minAvailable": 0}),
        (('podDisruptionBudget.maxUnavailable="50%"',), {"maxUnavailable": "50%"}),
    ],
)
def test_a_disruption_budget(values: tuple[str, ...], expected: dict[str, Any]) -> None:
    found = installed("podDisruptionBudget.enabled=true", "replicaCount=2", *values)
    spec = dict(one(found, "PodDisruptionBudget")["spec"])
    selector = spec.pop("selector")["matchLabels"]
    assert selector.items() <= pod_of(found)["metadata"]["labels"].items()
    assert spec == {**expected, "unhealthyPodEvictionPolicy": "AlwaysAllow"}


def test_there_is_no_disruption_budget_by_default() -> None:
    assert not of_kind(installed("replicaCount=2"), "PodDisruptionBudget")


def test_the_service_selects_only_the_operator() -> None:
    found = installed("simulator.enabled=true", 'metrics.service.annotations={"a":"b"}')
    service = one(found, "Service")
    selector = service["spec"]["selector"].items()
    assert service["metadata"]["annotations"] == {"a": "b"}
    for deployment in of_kind(found, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        assert (selector <= labels) is (deployment["metadata"]["name"] == FULLNAME)
    assert service["spec"]["ports"][0]["targetPort"] in {
        port["name"] for port in container_of(found)["ports"]
    }
    assert not of_kind(installed("metrics.service.enabled=false"), "Service")


@pytest.mark.parametrize(
    ("kind", "endpoints"), [("service", "endpoints"), ("pod", "podMetricsEndpoints")]
)
class TestMonitors:
    """ServiceMonitor and PodMonitor, where the cluster knows them."""

    def monitors(self, kind: str, *values: str, options: tuple[str, ...] = ()) -> list[Any]:
        found = installed(f"metrics.{kind}Monitor.enabled=true", *values, options=options)
        return list(of_kind(found, f"{kind.capitalize()}Monitor"))

    def test_one_scrapes_the_operator(self, kind: str, endpoints: str) -> None:
        (monitor,) = self.monitors(
            kind, f'metrics.{kind}Monitor.labels={{"release":"prom"}}', options=MONITORING
        )
        assert monitor["metadata"]["labels"]["release"] == "prom"
        (endpoint,) = monitor["spec"][endpoints]
        assert endpoint == {
            "port": "http",
            "path": "/metrics",
            "interval": "30s",
            "scrapeTimeout": "10s",
        }
        found = installed(f"metrics.{kind}Monitor.enabled=true", options=MONITORING)
        target = one(found, "Service") if kind == "service" else pod_of(found)
        selector = monitor["spec"]["selector"]["matchLabels"].items()
        assert selector <= target["metadata"]["labels"].items()

    def test_a_cluster_that_does_not_know_it_gets_none(self, kind: str, endpoints: str) -> None:
        del endpoints
        assert self.monitors(kind) == []

    def test_it_can_be_insisted_on(self, kind: str, endpoints: str) -> None:
        del endpoints
        assert len(self.monitors(kind, 'metrics.renderMode="alwaysRender"')) == 1
        done = helm(f"metrics.{kind}Monitor.enabled=true", 'metrics.renderMode="failIfMissing"')
        assert done.returncode != 0
        assert "does not serve monitoring.coreos.com/v1" in done.stderr


def test_both_monitors_at_once_are_refused() -> None:
    done = helm("metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true")
    assert done.returncode != 0
    assert "exclude each other" in done.stderr


def test_the_simulator_is_a_deployment_that_accounts_may_name() -> None:
    found = installed("simulator.enabled=true", 'endpointAllowList=["https://x.example"]')
    name = f"{FULLNAME}-simulator"
    (service,) = (m for m in of_kind(found, "Service") if m["metadata"]["name"] == name)
    (deployment,) = (m for m in of_kind(found, "Deployment") if m["metadata"]["name"] == name)
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    patterns = environment_of(found)["AGENTRUN_OPERATOR_ENDPOINT_ALLOW_LIST"].split(",")
    assert patterns == ["https://x.example", f"http://{name}.{NAMESPACE}.svc:8080"]
    assert is_allowed(f"http://{name}.{NAMESPACE}.svc:8080", patterns)
    assert pod["spec"]["containers"][0]["args"][:2] == ["--host=0.0.0.0", "--port=8080"]
    assert len(of_kind(installed(), "Deployment")) == 1


NOTES = {
    "an Account of one's own": ((), "kubectl create secret generic agentrun-keys"),
    "no Account where the operator has one": (
        ('account={"id":"1","region":"cn-hangzhou"}', 'credentials.mode="ECSRole"'),
        None,
    ),
    "a budget that blocks drains": (
        ("podDisruptionBudget.enabled=true",),
        "WARNING: a disruption budget with fewer than two replicas",
    ),
    "a cluster id": (('watchNamespaces=["a"]',), "WARNING: clusterId is empty"),
    "a guard that is off": (("uninstallGuard.enabled=false",), "WARNING: uninstallGuard is off"),
    "an account without keys": (
        ('account={"id":"1","region":"cn-hangzhou"}',),
        "WARNING: account.id is set and credentials.mode is None",
    ),
    "a monitor that was skipped": (
        ("metrics.podMonitor.enabled=true",),
        "WARNING: the cluster does not serve monitoring.coreos.com/v1",
    ),
    "alerts that were skipped": (
        ("metrics.prometheusRule.enabled=true",),
        "WARNING: the cluster does not serve monitoring.coreos.com/v1",
    ),
    "a simulator": (("simulator.enabled=true",), "WARNING: the simulator's admin interface"),
}


@pytest.mark.parametrize("about", NOTES)
def test_the_notes_tell_what_to_do_next(about: str) -> None:
    values, expected = NOTES[about]
    told = notes(*values)
    if expected is None:
        assert "kind: Account" not in told
        assert "WARNING" not in told
    else:
        assert expected in told
        assert ("WARNING" in told) is expected.startswith("WARNING")


def test_the_level_of_the_log_is_a_file_that_may_change() -> None:
    """As a folder, without a checksum on the Pod: or a change would need a restart."""
    found = installed('logging.level="debug"')
    name = f"{FULLNAME}-logging"
    (level,) = [each for each in of_kind(found, "ConfigMap") if each["metadata"]["name"] == name]
    assert level["data"] == {"level": "debug"}
    pod, container = pod_of(found)["spec"], container_of(found)
    (volume,) = [each for each in pod["volumes"] if "configMap" in each]
    assert volume["configMap"] == {"name": name, "optional": True}
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
    assert "subPath" not in mount
    file = environment_of(found)["AGENTRUN_OPERATOR_LOG_LEVEL_FILE"]
    assert file == f"{mount['mountPath']}/level"
    assert pod_of(found) == pod_of(installed('logging.level="info"'))
