"""Our signature equals the official signer's on random requests, as they stand on the wire."""

import hashlib
import warnings
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.api.auth import Acs3Auth, encode_segment
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.exchange import Call

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_tea_openapi.utils import Utils
    from darabonba.request import DaraRequest

ALGORITHM = "ACS3-HMAC-SHA256"
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = TEXT.filter(lambda name: name not in {"", ".", ".."})
# The official signer does not encode a parameter's name, so only plain ones can be compared.
PARAMETERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./+=", min_size=1)


def officially(request: httpx.Request, name: str, keys: Keys) -> str:
    """Sign the same request by the official signer, which is given decoded values."""
    official = DaraRequest()
    official.method = request.method
    official.pathname = f"/2025-09-10/agents/credentials/{Utils.get_encode_param(name)}"
    official.query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
    official.headers = {
        header: value
        for header, value in request.headers.items()
        if header in {"host", "content-type"} or header.startswith("x-acs-")
    }
    digest = hashlib.sha256(request.content).hexdigest()
    return str(
        Utils.get_authorization(
            official, ALGORITHM, digest, keys.access_key_id, keys.access_key_secret
        )
    )


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    name=NAMES,
    query=st.dictionaries(PARAMETERS, TEXT, max_size=4),
    body=st.none() | st.dictionaries(TEXT, JSON, max_size=4),
    keys=st.builds(Keys, st.just("LTAI5t"), TOKEN, st.none() | TOKEN),
)
async def test_signature_equals_the_official_signer(
    method: str,
    name: str,
    query: dict[str, str],
    body: dict[str, object] | None,
    keys: Keys,
) -> None:
    path = f"/2025-09-10/agents/credentials/{encode_segment(name)}"
    call = Call("GetCredential", method, path, query, body)
    content = call.content()
    request = httpx.Request(
        method,
        httpx.URL("https://agentrun.cn-hangzhou.aliyuncs.com").copy_with(
            raw_path=call.target.encode()
        ),
        content=content,
        headers={"content-type": "application/json; charset=utf-8"} if content else {},
        extensions={"action": call.action},
    )
    auth = Acs3Auth(StaticKeys(keys), clock=lambda: datetime(2026, 1, 15, 8, tzinfo=UTC))
    sent = await anext(auth.async_auth_flow(request))
    # What was signed is what goes out: nothing re-encoded the path or the query on the way.
    assert sent.url.raw_path.decode() == call.target
    assert sent.headers["authorization"] == officially(sent, name, keys)
