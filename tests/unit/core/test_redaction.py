"""What a text of somebody else keeps of a secret that it quotes: nothing."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.redaction import secrets_in, spellings, without_secrets

SECRET = 'sk-4711/a+b"c<&>é\\z '
ENCODED = base64.b64encode(SECRET.encode()).decode()


@pytest.mark.parametrize(
    "quoted",
    [
        SECRET,
        f"'{SECRET}'",
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        ENCODED,
        ENCODED.rstrip("="),
        "sk-4711/a+b&quot;c&lt;&amp;&gt;é\\z",
        f"{SECRET[:12]}...",
        f"{quote(SECRET)[:15]}…",
        f"{ENCODED[:14]}…",
        f"{SECRET} and again {SECRET}",
    ],
)
def test_no_spelling_and_no_part_of_a_secret_stays(quoted: str) -> None:
    text = without_secrets(f"cannot take {quoted}, which is wrong", ["other-one", SECRET])
    assert "(secret)" in text
    assert text.startswith("cannot take")
    assert text.endswith("which is wrong")
    assert "4711" not in text
    assert ENCODED[:10] not in text
    assert quote("é")[1:] not in text


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_among_others_in_one_base64_is_found(
    before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(f"{before}{SECRET}{after}".encode()).decode()
    text = without_secrets(f"Basic {encoded} is refused", [SECRET])
    assert "(secret)" in text
    assert len(text) <= len("Basic 1234(secret)1234== is refused") + len(before)


@pytest.mark.parametrize("encoded", [SECRET.encode().hex(), SECRET.encode().hex().upper()])
def test_a_secret_in_hex_is_found(encoded: str) -> None:
    assert without_secrets(f"bytes {encoded}!", [SECRET]) == "bytes (secret)!"
    assert without_secrets(f"bytes {encoded[:12]}!", [SECRET]) == "bytes (secret)!"


def test_words_of_a_few_letters_stay() -> None:
    assert without_secrets("the value is no url", ["", "url", "value"]) == "the value is no url"


def test_a_text_that_quotes_nothing_stays_as_it_is() -> None:
    text = "sk-47 is not sk-4712"
    assert without_secrets(text, [SECRET]) == text


def test_a_huge_secret_costs_no_more_than_the_text() -> None:
    assert without_secrets("xxxxxxxxxxxxxxx!", ["x" * 1_000_000]) == "(secret)!"


@given(st.text(min_size=10, max_size=40), st.sampled_from(range(9)), st.text(max_size=20))
def test_any_secret_is_found_in_any_spelling(secret: str, which: int, before: str) -> None:
    spelled = sorted(spellings(secret))
    quoted = spelled[which % len(spelled)]
    text = without_secrets(f"{before} {quoted}", [secret])
    assert secret not in text
    assert quoted not in text


def test_a_json_document_is_as_secret_as_what_stands_in_it() -> None:
    document = '{"auths": {"r.example.com": {"password": "hunter22", "list": ["a", 7, null]}}}'
    assert set(secrets_in(document)) == {document, "hunter22", "a"}
    assert list(secrets_in("{broken")) == ["{broken"]
    assert list(secrets_in("[" * 100_000)) == ["[" * 100_000]


def test_the_password_in_a_registry_login_is_a_secret_of_its_own() -> None:
    encoded = base64.b64encode(b"puller:hunter22").decode()
    document = json.dumps({"auths": {"r.example.com": {"auth": encoded}}})
    text = without_secrets(f"no login by hunter22 ({encoded})", secrets_in(document))
    assert text == "no login by (secret) ((secret))"


@pytest.mark.parametrize("auth", ["//4=", "abcde", 7, None])
def test_what_is_no_registry_login_holds_no_password(auth: Any) -> None:
    document = json.dumps({"auth": auth})
    assert set(secrets_in(document)) == {document, *([auth] if isinstance(auth, str) else [])}


@pytest.mark.parametrize("document", ["pw4711\n", '{"auths": {"r": {"password": "pw4711\\r\\n"}}}'])
def test_a_value_goes_out_without_its_line_break_and_is_known_without_it(document: str) -> None:
    assert without_secrets("refused: pw4711", secrets_in(document)) == "refused: (secret)"
