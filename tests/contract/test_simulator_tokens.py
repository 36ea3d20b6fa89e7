"""The token service as the operator's own chain asks it, over TLS, and what its keys open."""

import base64
import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_agentrun20250910 import models
from alibabacloud_agentrun20250910.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.credential_chain import assumed_role_keys, oidc_keys
from agentrun_operator.api.credentials import Keys
from agentrun_operator.core.errors import CredentialsInvalid
from agentrun_operator.core.identity import AccountIdentity
from agentrun_operator.reconcile.ports import AccountConnection
from agentrun_simulator.server import Tls, serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

ROLE = "acs:ram::1234567890:role/agentrun"
PROVIDER = "acs:ram::1234567890:oidc-provider/ack-rrsa"


class MovableClock:
    """The machine's time, until it is moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = Tls(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A projected ServiceAccount token, as the kubelet writes it."""
    claims = {"sub": "system:serviceaccount:agentrun:operator", "exp": 4_000_000_000}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    path = tmp_path / "token"
    path.write_text(f"e30.{payload}.c2lnbmF0dXJl")
    return path


@pytest.fixture
def trusting(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process trust the certificate, by the documented variable, and use no proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def workspaces(port: str, keys: Keys) -> Any:
    """List workspaces with the official client."""
    config = Config(
        endpoint=port,
        protocol="http",
        region_id="cn-hangzhou",
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
    )
    return Client(config).list_workspaces(models.ListWorkspacesRequest()).body.data.workspaces


@pytest.mark.usefixtures("trusting")
async def test_the_chain_gets_keys_that_work_until_they_expire(tls: Tls, token_file: Path) -> None:
    clock = MovableClock()
    # The official client signs with the machine's time, whatever the cloud's clock says.
    simulator = Simulator(Settings(clock_skew_seconds=7200), clock)
    with serve(simulator, tls=tls) as secure, serve(simulator) as plain:
        sts, api = secure.removeprefix("https://"), plain.removeprefix("http://")
        own = oidc_keys(
            role_arn=ROLE, provider_arn=PROVIDER, token_file=str(token_file), sts_endpoint=sts
        )
        keys = await own.keys()
        assert [each.name for each in workspaces(api, keys)] == ["default"]
        other = await assumed_role_keys(own, role_arn=ROLE, sts_endpoint=sts).keys()
        assert other.access_key_id != keys.access_key_id
        assert len(workspaces(api, other)) == 1
        clock.ahead = timedelta(hours=1)
        with pytest.raises(ClientException) as refused:
            workspaces(api, keys)
        assert refused.value.code == "InvalidSecurityToken.Expired"
    actions = [entry["action"] for entry in simulator.requests()]
    assert actions == [
        "AssumeRoleWithOIDC",
        "ListWorkspaces",
        "AssumeRole",
        "ListWorkspaces",
        "ListWorkspaces",
    ]


@pytest.mark.usefixtures("trusting")
async def test_a_role_of_an_unknown_account_is_invalid(tls: Tls, token_file: Path) -> None:
    with serve(Simulator(), tls=tls) as url:
        source = oidc_keys(
            role_arn="acs:ram::9:role/agentrun",
            provider_arn=PROVIDER,
            token_file=str(token_file),
            sts_endpoint=url.removeprefix("https://"),
        )
        with pytest.raises(CredentialsInvalid, match=r"EntityNotExist\.Role"):
            await source.keys()


@pytest.mark.usefixtures("trusting")
async def test_an_account_is_opened_as_a_role(tls: Tls) -> None:
    simulator = Simulator(Settings())
    account = simulator.settings.accounts[0]
    keys = {
        "accessKeyId": account.access_key_id,
        "accessKeySecret": account.access_key_secret.get_secret_value(),
    }
    with serve(simulator, tls=tls) as secure, serve(simulator) as plain:
        cloud = AgentRunCloud(
            environ={}, allow_list=("http://127.0.0.1:*",), sts=secure.removeprefix("https://")
        )
        identity = AccountIdentity(account.account_id, "cn-hangzhou")
        client = cloud.connect(AccountConnection(identity, plain, keys, 20.0, role_arn=ROLE))
        await client.verify()
        await client.verify()
        await client.aclose()
    actions = [entry["action"] for entry in simulator.requests()]
    # The role's keys are asked about, not those that assume it: theirs is another account's right.
    assert actions == [
        "AssumeRole",
        "GetCallerIdentity",
        "ListAgentRuntimes",
        "ListAgentRuntimes",
    ]
