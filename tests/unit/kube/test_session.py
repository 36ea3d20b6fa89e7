"""The token on every request: fresh, renewed after a refusal, and never given to strangers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from yarl import URL

from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.session import TOKEN_SECONDS, Bearer, open_session, ssl_context
from agentrun_operator.reconcile.ports import ClusterUnavailable

SERVER = "https://api.test:6443"


class Server:
    """Answers 401 to every token but the valid one."""

    def __init__(self, valid: str) -> None:
        self.valid = valid
        self.seen: list[str | None] = []
        self.released = 0

    async def __call__(self, request: Any) -> Any:
        given = request.headers.get("Authorization")
        self.seen.append(given)
        status = 200 if given == f"Bearer {self.valid}" else 401
        return SimpleNamespace(status=status, release=self._release)

    def _release(self) -> None:
        self.released += 1


async def send(bearer: Bearer, server: Server, url: str = f"{SERVER}/api") -> int:
    request = SimpleNamespace(url=URL(url), headers={})
    response = await bearer(cast("Any", request), server)
    return response.status


async def test_a_fixed_token_is_sent_and_a_refusal_returned() -> None:
    server = Server("good")
    assert await send(Bearer(ClusterAccess(SERVER, token="good")), server) == 200
    assert await send(Bearer(ClusterAccess(SERVER, token="bad")), server) == 401
    assert server.seen == ["Bearer good", "Bearer bad"]


async def test_a_rotated_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    file, now = tmp_path / "token", [0.0]
    file.write_text("one\n", encoding="utf-8")
    bearer = Bearer(ClusterAccess(SERVER, token_file=file), monotonic=lambda: now[0])
    assert bearer.token() == "one"
    file.write_text("two", encoding="utf-8")
    assert bearer.token() == "one"
    now[0] = TOKEN_SECONDS
    assert bearer.token() == "two"


async def test_a_refused_token_is_read_again_at_once_and_tried_once(tmp_path: Path) -> None:
    file, server = tmp_path / "token", Server("two")
    file.write_text("one", encoding="utf-8")
    bearer = Bearer(ClusterAccess(SERVER, token_file=file))
    assert bearer.token() == "one"
    file.write_text("two", encoding="utf-8")
    assert await send(bearer, server) == 200
    assert (server.seen, server.released) == (["Bearer one", "Bearer two"], 1)
    server.valid = "three"
    assert await send(bearer, server) == 401
    assert server.seen[2:] == ["Bearer two"], "the file holds nothing new, so no second try"


async def test_a_vanished_token_file_keeps_the_token_in_hand(tmp_path: Path) -> None:
    file, now = tmp_path / "token", [0.0]
    file.write_text("one", encoding="utf-8")
    bearer = Bearer(ClusterAccess(SERVER, token_file=file), monotonic=lambda: now[0])
    assert bearer.token() == "one"
    file.unlink()
    now[0] = TOKEN_SECONDS
    assert bearer.token() == "one"


async def test_a_token_file_that_never_was_is_named(tmp_path: Path) -> None:
    bearer = Bearer(ClusterAccess(SERVER, token_file=tmp_path / "token"))
    with pytest.raises(ClusterUnavailable, match="cannot read the token file"):
        bearer.token()


async def test_the_token_does_not_follow_a_redirect_to_another_host() -> None:
    server = Server("good")
    await send(Bearer(ClusterAccess(SERVER, token="good")), server, "https://evil.test/api")
    assert server.seen == [None]


async def test_the_pool_is_bounded_and_has_room_for_every_stream() -> None:
    session = open_session(ClusterAccess("http://api.test"), streams=90)
    try:
        assert session.connector is not None
        assert session.connector.limit == 154
    finally:
        await session.close()


def test_malformed_certificates_are_a_clear_error() -> None:
    with pytest.raises(ClusterUnavailable, match=r"certificate or key .* is malformed"):
        ssl_context(ClusterAccess(SERVER, ca="no certificate"))
    with pytest.raises(ClusterUnavailable, match=r"certificate or key .* is malformed"):
        ssl_context(ClusterAccess(SERVER, certificate="x", key="y"))
