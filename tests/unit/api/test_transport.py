import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from structlog.testing import capture_logs

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.exchange import Call
from agentrun_operator.api.transport import MAX_ANSWER_BYTES, Timeouts, Transport
from agentrun_operator.core.errors import CredentialsInvalid, Unavailable
from agentrun_operator.reconcile.in_flight import AnswersInFlight
from fakes.traces import MemoryTraces, ids

CANARY = "canary-7d1e"
KEYS = Keys("LTAI", f"secret-{CANARY}", f"token-{CANARY}")
CREATE = Call(
    "CreateCredential",
    "POST",
    "/2025-09-10/agents/credentials",
    body={"credentialName": "k", "credentialSecret": CANARY, "description": "中"},
    route="/2025-09-10/agents/credentials",
)
READ = Call("GetCredential", "GET", "/2025-09-10/agents/credentials/k")


def transport(
    handler: Callable[[httpx.Request], httpx.Response],
    **options: float,
) -> Transport:
    return Transport(
        "https://agentrun.cn-hangzhou.aliyuncs.com",
        Acs3Auth(StaticKeys(KEYS)),
        network=httpx.MockTransport(handler),
        timeouts=Timeouts(**options),
    )


async def test_what_is_sent() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"code": "SUCCESS", "data": {}})

    async with transport(handler) as subject:
        await subject.send(CREATE)
        await subject.send(READ)
    create, read = seen
    assert create.content.decode() == (
        '{"credentialName":"k","credentialSecret":"canary-7d1e","description":"中"}'
    )
    assert create.headers["content-type"] == "application/json; charset=utf-8"
    assert create.headers["user-agent"].startswith("agentrun-operator/")
    assert create.headers["accept"] == "application/json"
    assert create.headers["x-acs-action"] == "CreateCredential"
    assert "content-type" not in read.headers
    assert read.content == b""


async def test_the_trace_goes_along_and_is_not_signed() -> None:
    """Whatever stands between may rewrite it, which must break no signature."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"code": "SUCCESS", "data": {}})

    traces = MemoryTraces()
    network = httpx.MockTransport(handler)
    auth = Acs3Auth(StaticKeys(KEYS))
    async with Transport("https://h.example", auth, tracer=traces.tracer, network=network) as it:
        await it.send(CREATE)
    async with transport(handler) as untraced:
        await untraced.send(CREATE)
    with_trace, without = seen
    trace_id, span_id = ids(traces.named("CreateCredential"))
    assert f"{trace_id:032x}-{span_id:016x}" in with_trace.headers["traceparent"]
    assert "traceparent" not in with_trace.headers["authorization"]
    assert with_trace.headers.keys() - without.headers.keys() == {"traceparent"}


async def test_a_path_reaches_the_wire_as_encoded() -> None:
    targets = []

    def handler(request: httpx.Request) -> httpx.Response:
        targets.append(request.url.raw_path)
        return httpx.Response(200)

    path = "/2025-09-10/agents/credentials/a%20b%2Fc~%2A%2B%25"
    async with transport(handler) as subject:
        await subject.send(Call("GetCredential", "GET", path, query={"q": "a b+c~*/中,:@"}))
    assert targets == [path.encode() + b"?q=a+b%2Bc~%2A%2F%E4%B8%AD%2C%3A%40"]


async def test_the_budget_is_asked_before_each_call() -> None:
    order: list[str] = []

    async def acquire() -> None:
        order.append("acquire")

    def handler(_: httpx.Request) -> httpx.Response:
        order.append("call")
        return httpx.Response(200)

    network = httpx.MockTransport(handler)
    async with Transport(
        "https://h.example", Acs3Auth(StaticKeys(KEYS)), acquire=acquire, network=network
    ) as subject:
        await subject.send(READ)
        await subject.send(READ)
    assert order == ["acquire", "call", "acquire", "call"]


async def test_redirects_are_answers_and_are_not_followed() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url)
        return httpx.Response(307, headers={"location": "https://evil.example/"})

    async with transport(handler) as subject:
        answer = await subject.send(CREATE)
    assert (answer.status, len(calls)) == (307, 1)


async def test_nothing_is_retried() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ReadTimeout("late")

    async with transport(handler) as subject:
        with pytest.raises(Unavailable) as caught:
            await subject.send(CREATE)
    assert len(calls) == 1
    assert caught.value.maybe_applied


async def test_a_peer_that_trickles_is_given_up() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.005)

    async with transport(lambda _: httpx.Response(200, content=trickle()), total=0.05) as subject:
        with pytest.raises(Unavailable, match="no answer within the time limit") as caught:
            await subject.send(CREATE)
    assert caught.value.maybe_applied


async def test_an_endless_answer_is_given_up() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1024 * 1024)

    async with transport(lambda _: httpx.Response(200, content=endless())) as subject:
        with pytest.raises(Unavailable, match=str(MAX_ANSWER_BYTES)) as caught:
            await subject.send(READ)
    assert not caught.value.maybe_applied


async def test_keys_that_fail_stop_the_call_before_it_is_sent() -> None:
    class Refused:
        async def keys(self) -> Keys:
            raise CredentialsInvalid("key accessKeyId of Secret x is empty")

    def handler(_: httpx.Request) -> httpx.Response:
        raise AssertionError("sent without keys")

    network = httpx.MockTransport(handler)
    async with Transport("https://h.example", Acs3Auth(Refused()), network=network) as subject:
        with pytest.raises(CredentialsInvalid, match="accessKeyId"):
            await subject.send(READ)


async def test_the_wire_log_shows_names_and_no_value() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            headers={"x-acs-request-id": "4C467B38-3910-447D-87BC-AC049166F216"},
            json={"code": "SUCCESS", "data": {"credentialSecret": CANARY}},
        )

    async with transport(handler) as subject:
        with capture_logs() as logs:
            answer = await subject.send(CREATE)
    told, wire = (dict(entry) for entry in logs)
    assert told.pop("durationSeconds") == wire.pop("durationSeconds") >= 0
    same = {
        "operation": "CreateCredential",
        "fields": ["credentialName", "credentialSecret", "description"],
        "code": "200",
        "requestID": "4C467B38-3910-447D-87BC-AC049166F216",
    }
    assert told == {"event": "cloud write", "log_level": "info", **same}
    assert wire == {
        "event": "api call",
        "log_level": "debug",
        "method": "POST",
        "path": "/2025-09-10/agents/credentials",
        "query": [],
        **same,
    }
    assert CANARY not in json.dumps(logs)
    assert CANARY not in repr(answer)
    assert CANARY not in repr(CREATE)


async def test_a_read_is_told_at_debug_and_without_its_id() -> None:
    """Nobody has checked yet whether an id holds a secret, nor what a filter looks for."""
    path = f"/2025-09-10/agents/credentials/{CANARY}"
    call = Call(
        "GetCredential", "GET", path, query={"name": CANARY}, route="/2025-09-10/agents/{id}"
    )
    async with transport(lambda _: httpx.Response(200, json={"data": {}})) as subject:
        with capture_logs() as logs:
            await subject.send(call)
    (wire,) = logs
    assert (wire["log_level"], wire["path"]) == ("debug", "/2025-09-10/agents/{id}")
    assert wire["query"] == ["name"]
    assert CANARY not in json.dumps(logs)


async def test_a_write_whose_answer_is_of_no_use_is_told() -> None:
    packed = {"content-encoding": "gzip"}
    async with transport(lambda _: httpx.Response(200, headers=packed, content=b"")) as subject:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await subject.send(CREATE)
    assert [(e["event"], e["code"]) for e in logs if e["log_level"] == "info"] == [
        ("cloud write", "Unavailable")
    ]


@pytest.mark.parametrize("call", [READ, CREATE])
@pytest.mark.parametrize(
    ("headers", "size", "code"),
    [
        pytest.param({"content-encoding": "gzip"}, 0, "Unavailable", id="packed"),
        pytest.param({}, MAX_ANSWER_BYTES + 1, "AnswerTooLarge", id="too large"),
        pytest.param({}, 2048, "Unavailable", id="shed"),
    ],
)
async def test_an_answer_of_no_use_is_counted_and_logged(
    call: Call, headers: dict[str, str], size: int, code: str
) -> None:
    counted: list[tuple[str, str]] = []

    async def body() -> AsyncIterator[bytes]:
        yield bytes(size)

    subject = Transport(
        "https://h.example",
        Acs3Auth(StaticKeys(KEYS)),
        network=httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body())),
        observe=lambda operation, told, _: counted.append((operation, told)),
        answers=AnswersInFlight(most=1024) if size == 2048 else None,
    )
    async with subject:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await subject.send(call)
    assert counted == [(call.action, code)]
    assert [e["code"] for e in logs if e["event"] == "api call"] == [code]


class _NoKeys:
    """A source of keys that nobody answers."""

    async def keys(self) -> Keys:
        raise Unavailable("no answer of the token service")


async def test_a_call_without_an_answer_of_its_own_is_not_counted() -> None:
    counted: list[str] = []
    network = httpx.MockTransport(lambda _: httpx.Response(200))
    async with Transport(
        "https://h.example",
        Acs3Auth(_NoKeys()),
        network=network,
        observe=lambda operation, _, __: counted.append(operation),
    ) as subject:
        with pytest.raises(Unavailable, match="token service"):
            await subject.send(READ)
    assert counted == []


async def test_a_failure_is_logged_by_name_and_holds_no_secret() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"to {request.headers['x-acs-security-token']}")

    async with transport(handler) as subject:
        with capture_logs() as logs, pytest.raises(Unavailable) as caught:
            await subject.send(CREATE)
    assert logs[0]["code"] == "ConnectError"
    assert CANARY not in f"{logs} {caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_cancelled_call_stays_cancelled() -> None:
    started = asyncio.Event()

    async def hang() -> AsyncIterator[bytes]:
        started.set()
        await asyncio.Event().wait()
        yield b""

    async with transport(lambda _: httpx.Response(200, content=hang())) as subject:
        task = asyncio.create_task(subject.send(READ))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_no_cookie_of_an_answer_is_kept() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        cookie = f"{'k' * 1000}{len(seen)}={'v' * 3000}; Path=/"
        return httpx.Response(200, json={}, headers={"set-cookie": cookie})

    async with transport(handler) as subject:
        for _ in range(3):
            await subject.send(READ)
        assert not subject._http.cookies
    assert all("cookie" not in request.headers for request in seen)
