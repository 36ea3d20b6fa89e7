"""Token exchanges through the official library, against a token service on loopback.

What is proven here is mostly that the library's traps (see `credential_chain`) stay shut.
"""

import asyncio
import json
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from agentrun_operator.api.credential_chain import (
    ChainOptions,
    assumed_role_keys,
    configured_sts_host,
    oidc_keys,
    operator_keys,
    with_port,
)
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.core.errors import CredentialsInvalid, Unavailable

ROLE = "acs:ram::123:role/agentrun"
CANARY = "canary-91ab"


@dataclass
class TokenService:
    """Hands out numbered keys over plain or TLS HTTP/1.1; remembers the queries."""

    status: int = 200
    document: object = None
    """What to answer instead of keys."""
    lifetime: timedelta = timedelta(hours=1)
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        self.asked.append(dict(parse_qsl(target.partition("?")[2])))
        # So that every waiting task runs into the library's lock, were it reachable.
        await asyncio.sleep(0.02)
        body = json.dumps(self.document if self.document is not None else self.keys()).encode()
        writer.write(
            f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    def keys(self) -> dict[str, object]:
        expiry = datetime.now(UTC) + self.lifetime
        found = {
            "AccessKeyId": f"STS.{len(self.asked)}",
            "AccessKeySecret": CANARY,
            "SecurityToken": f"token-{CANARY}",
            "Expiration": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {"Code": "Success", **found, "Credentials": found}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "token service")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "token-service.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return file


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side of TLS; the library is told to trust it, and to use no proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("service-account-token")
    return file


@asynccontextmanager
async def serving(
    service: TokenService, tls: ssl.SSLContext | None = None
) -> AsyncIterator[TokenService]:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls)
    service.port = server.sockets[0].getsockname()[1]
    async with server:
        yield service
    # The library closes its connections a moment after it has its answer.
    await asyncio.sleep(0.02)


def rrsa(service: TokenService, token_file: Path) -> Callable[[], Coroutine[None, None, Keys]]:
    return oidc_keys(
        role_arn=ROLE,
        provider_arn="acs:ram::123:oidc-provider/ack",
        token_file=str(token_file),
        sts_endpoint=service.endpoint,
    ).keys


async def test_rrsa_asks_once_for_many_callers_and_blocks_nobody(
    trusted: ssl.SSLContext, token_file: Path
) -> None:
    async with serving(TokenService(), trusted) as service:
        keys = rrsa(service, token_file)
        many = await asyncio.gather(*(keys() for _ in range(8)))
    assert {k.access_key_id for k in many} == {"STS.1"}
    assert many[0].access_key_secret == CANARY
    assert many[0].security_token == f"token-{CANARY}"
    assert many[0].expires_at is not None
    # Each that met the library's thread lock would stop the loop for five seconds, then ask too.
    (query,) = service.asked
    assert query["Action"] == "AssumeRoleWithOIDC"
    assert query["OIDCToken"] == "service-account-token"
    assert query["RoleArn"] == ROLE
    assert query["RoleSessionName"] == "agentrun-operator"


FAILURES = [
    pytest.param(
        TokenService(403, {"Code": "AuthenticationFail.NoPermission", "Message": CANARY}),
        (
            CredentialsInvalid,
            r"RRSA: .* HTTP 403 AuthenticationFail.NoPermission; check the role",
        ),
        id="refused",
    ),
    pytest.param(
        TokenService(403, {"Code": "CorrectHorseBatteryStaple"}),
        (CredentialsInvalid, "HTTP 403; check the role"),
        id="refused with no code that we know",
    ),
    pytest.param(
        TokenService(503, {"Code": "ServiceUnavailable"}),
        (Unavailable, "HTTP 503 ServiceUnavailable"),
        id="down",
    ),
    pytest.param(
        TokenService(429, {"Code": "Throttling"}), (Unavailable, "HTTP 429"), id="throttled"
    ),
    pytest.param(
        TokenService(200, {"Credentials": {"AccessKeyId": "x", "AccessKeySecret": CANARY}}),
        (Unavailable, "no keys"),
        id="half an answer",
    ),
    pytest.param(TokenService(200, [CANARY]), (Unavailable, "no keys"), id="a stranger's answer"),
]


@pytest.mark.parametrize(("service", "expected"), FAILURES)
async def test_failures_show_the_code_and_no_answer(
    trusted: ssl.SSLContext,
    token_file: Path,
    caplog: pytest.LogCaptureFixture,
    service: TokenService,
    expected: tuple[type[Exception], str],
) -> None:
    error, message = expected
    async with serving(service, trusted):
        with pytest.raises(error, match=message) as caught:
            await rrsa(service, token_file)()
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__
    # The library logs such answers whole, through handlers of its own.
    assert CANARY not in caplog.text
    assert not logging.getLogger("credentials").handlers
    assert not logging.getLogger("alibabacloud-tea").handlers


async def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "absent"
    with pytest.raises(CredentialsInvalid, match=f"cannot read {missing}"):
        await rrsa(TokenService(port=9), missing)()


async def test_a_token_service_out_of_reach_is_unavailable(token_file: Path) -> None:
    service = TokenService()
    async with serving(service):
        pass
    with pytest.raises(Unavailable, match="RRSA: no keys"):
        await rrsa(service, token_file)()


async def test_a_role_is_assumed_with_other_keys(trusted: ssl.SSLContext) -> None:
    base = StaticKeys(Keys("LTAI", "s", None))
    async with serving(TokenService(), trusted) as service:
        source = assumed_role_keys(
            base, role_arn=ROLE, external_id="ext-1", sts_endpoint=service.endpoint
        )
        assert (await source.keys()).access_key_id == "STS.1"
    (query,) = service.asked
    assert query["Action"] == "AssumeRole"
    assert query["AccessKeyId"] == "LTAI"
    assert query["ExternalId"] == "ext-1"


async def test_failing_base_keys_are_reported_as_they_are() -> None:
    class Broken:
        async def keys(self) -> Keys:
            raise CredentialsInvalid("key accessKeyId of the Secret is empty")

    with pytest.raises(CredentialsInvalid, match="is empty"):
        await assumed_role_keys(Broken(), role_arn=ROLE, sts_endpoint="127.0.0.1:9").keys()


async def test_the_chain_finds_a_credentials_uri() -> None:
    async with serving(TokenService()) as service:
        uri = f"http://{service.endpoint}/keys?tenant=a"
        source = operator_keys({"ALIBABA_CLOUD_CREDENTIALS_URI": uri})
        assert (await source.keys()).access_key_id == "STS.1"
    assert service.asked == [{"tenant": "a"}]


@pytest.mark.parametrize(
    ("uri", "complete"),
    [
        ("http://keys.example/path?a=1", "http://keys.example:80/path?a=1"),
        ("https://keys.example", "https://keys.example:443"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
    ],
)
def test_a_credentials_uri_gets_the_port_the_library_needs(uri: str, complete: str) -> None:
    assert with_port(uri) == complete


async def test_the_chain_prefers_rrsa_to_a_uri(tmp_path: Path) -> None:
    environ = {
        "ALIBABA_CLOUD_ROLE_ARN": ROLE,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "p",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(tmp_path / "absent"),
        "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:9/",
    }
    # A configured source that fails is reported; no other identity takes its place.
    with pytest.raises(CredentialsInvalid, match="RRSA: cannot read"):
        await operator_keys(environ).keys()


async def test_a_profile_is_read_only_when_allowed(tmp_path: Path) -> None:
    file = tmp_path / "credentials.ini"
    file.write_text("[default]\ntype=access_key\naccess_key_id=LTAI\naccess_key_secret=s\n")
    environ = {"ALIBABA_CLOUD_CREDENTIALS_FILE": str(file)}
    with pytest.raises(CredentialsInvalid, match="no keys of its own"):
        operator_keys(environ)
    source = operator_keys(environ, ChainOptions(use_profile=True))
    assert (await source.keys()).access_key_id == "LTAI"


def test_the_token_service_follows_the_region() -> None:
    assert configured_sts_host({}) is None
    environ = {"ALIBABA_CLOUD_STS_REGION": "cn-hangzhou"}
    assert configured_sts_host(environ) == "sts.cn-hangzhou.aliyuncs.com"
    environ["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"] = "true"
    assert configured_sts_host(environ) == "sts-vpc.cn-hangzhou.aliyuncs.com"


def test_the_library_is_loaded_only_when_needed() -> None:
    """It brings requests, aiohttp and a scheduler: tens of megabytes that most never use."""
    program = (
        "import sys; import agentrun_operator.api.cloud as c; c.AgentRunCloud(environ={});"
        "sys.exit(any(m.split('.')[0] in ('alibabacloud_credentials', 'Tea') for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)  # noqa: S603  ourselves
