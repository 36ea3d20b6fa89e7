import asyncio
from collections.abc import Mapping

import pytest

from agentrun_operator.api.credentials import (
    FETCH_TIMEOUT_SECONDS,
    Keys,
    RefreshingKeys,
    StaticKeys,
    keys_from_environment,
    keys_from_secret,
)
from agentrun_operator.core.errors import CredentialsInvalid, Unavailable

SECRET = "s3cr3t-canary"
WHERE = "Secret team-a/agentrun-keys"


class HandClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TokenService:
    """Issues numbered keys, or fails when told to."""

    def __init__(self, clock: HandClock, lifetime: float = 3600) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.issued = 0
        self.failure: Exception | None = None

    async def fetch(self) -> Keys:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.issued += 1
        return Keys(f"STS.{self.issued}", "s", "t", self.clock.now + self.lifetime)


def test_keys_show_nothing() -> None:
    keys = Keys("LTAI-canary", SECRET, "token-canary")
    shown = f"{keys!r} {keys!s} {keys} {StaticKeys(keys)!r}"
    assert "canary" not in shown


def test_secret_is_read() -> None:
    data: dict[str, bytes | str] = {
        "accessKeyId": b"LTAI\n",
        "accessKeySecret": "s",
        "securityToken": b"",
    }
    assert keys_from_secret(data, where=WHERE) == Keys("LTAI", "s", None)
    data["securityToken"] = b"tok"
    assert keys_from_secret(data, where=WHERE).security_token == "tok"
    data["securityToken"] = b" tok \r\n \n"
    assert keys_from_secret(data, where=WHERE).security_token == "tok"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"accessKeySecret": SECRET}, "has no key accessKeyId"),
        ({"accessKeyId": "LTAI"}, "has no key accessKeySecret"),
        ({"accessKeyId": " ", "accessKeySecret": SECRET}, "key accessKeyId .* is empty"),
        ({"accessKeyId": "LTAI", "accessKeySecret": ""}, "key accessKeySecret .* is empty"),
        ({"accessKeyId": "LTAI", "accessKeySecret": f"{SECRET}\nx"}, "accessKeySecret .* malfor"),
        ({"accessKeyId": "LTAI", "accessKeySecret": b"\xff\xfe"}, "accessKeySecret .* malformed"),
        ({"accessKeyId": "a", "accessKeySecret": "b", "securityToken": "é"}, "securityToken .*"),
        ({"accessKeyId": "a\t", "accessKeySecret": "b"}, "accessKeyId .* malformed"),
        ({"accessKeyId": "\na", "accessKeySecret": "b"}, "accessKeyId .* malformed"),
        ({"accessKeyId": "a", "accessKeySecret": "b\x0b"}, "accessKeySecret .* malformed"),
        ({"accessKeyId": "a", "accessKeySecret": "b\x85"}, "accessKeySecret .* malformed"),
    ],
)
def test_a_bad_secret_is_named_by_its_key(data: Mapping[str, bytes | str], message: str) -> None:
    with pytest.raises(CredentialsInvalid, match=message) as caught:
        keys_from_secret(data, where=WHERE)
    assert WHERE in str(caught.value)
    assert SECRET not in str(caught.value)


def test_environment_prefers_our_own_prefix() -> None:
    environ = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "theirs",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s2",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "t2",
    }
    assert keys_from_environment(environ) == Keys("theirs", "s2", "t2")
    environ |= {"AGENTRUN_ACCESS_KEY_ID": "ours", "AGENTRUN_ACCESS_KEY_SECRET": "s1"}
    assert keys_from_environment(environ) == Keys("ours", "s1", None)
    assert keys_from_environment({}) is None
    assert keys_from_environment({"AGENTRUN_ACCESS_KEY_ID": ""}) is None


def test_half_a_pair_is_not_completed_from_elsewhere() -> None:
    environ = {
        "AGENTRUN_ACCESS_KEY_ID": "ours",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "theirs",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }
    with pytest.raises(CredentialsInvalid, match="AGENTRUN_ACCESS_KEY_SECRET"):
        keys_from_environment(environ)


async def test_temporary_keys_are_renewed_early_and_once() -> None:
    clock = HandClock()
    service = TokenService(clock)
    source = RefreshingKeys(service.fetch, clock=clock)
    together = await asyncio.gather(*(source.keys() for _ in range(10)))
    assert {k.access_key_id for k in together} == {"STS.1"}
    clock.now += 2699
    assert (await source.keys()).access_key_id == "STS.1"
    clock.now += 2
    assert (await source.keys()).access_key_id == "STS.2"


async def test_short_lived_keys_are_not_renewed_each_time() -> None:
    clock = HandClock()
    service = TokenService(clock, lifetime=900)
    source = RefreshingKeys(service.fetch, clock=clock)
    await source.keys()
    clock.now += 400
    await source.keys()
    assert service.issued == 1
    clock.now += 100
    await source.keys()
    assert service.issued == 2


async def test_old_keys_serve_while_renewal_fails() -> None:
    clock = HandClock()
    service = TokenService(clock)
    source = RefreshingKeys(service.fetch, clock=clock)
    await source.keys()
    service.failure = Unavailable("token service down")
    clock.now += 3000
    assert (await source.keys()).access_key_id == "STS.1"
    clock.now += 580
    with pytest.raises(Unavailable, match="token service down"):
        await source.keys()
    service.failure = None
    assert (await source.keys()).access_key_id == "STS.2"


async def test_a_failing_renewal_is_not_tried_for_every_request() -> None:
    clock = HandClock()
    service = TokenService(clock)
    tries = 0

    async def fetch() -> Keys:
        nonlocal tries
        tries += 1
        return await service.fetch()

    source = RefreshingKeys(fetch, clock=clock)
    await source.keys()
    service.failure = CredentialsInvalid("refused")
    clock.now += 3000
    for _ in range(5):
        await source.keys()
    assert tries == 2


async def test_keys_without_expiry_are_asked_for_anew() -> None:
    clock = HandClock()
    handed = iter([Keys("a", "s"), Keys("b", "s")])

    async def fetch() -> Keys:
        return next(handed)

    source = RefreshingKeys(fetch, clock=clock)
    assert [(await source.keys()).access_key_id for _ in range(2)] == ["a", "b"]


async def test_a_token_service_that_hangs_is_given_up() -> None:
    async def fetch() -> Keys:
        # What asyncio.timeout raises, without the wait.
        raise TimeoutError

    source = RefreshingKeys(fetch)
    with pytest.raises(Unavailable, match=f"{FETCH_TIMEOUT_SECONDS:.0f} s"):
        await source.keys()
