"""What is secret in a value: what stands in it, and what that is an encoding of."""

import base64
import hashlib
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.redaction import masked
from agentrun_operator.core.secret_contents import secrets_in

PASSWORD = "hunter2-Correct4711"
ORDINARY = (
    "AgentRuntime chat: the image registry.cn-hangzhou.aliyuncs.com/team/app:1.2 cannot be pulled; "
    "container exited with 137 (OOMKilled) at 2026-01-05T09:00:00Z, see request 7F3A-91"
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def for_urls(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


PEM = f"-----BEGIN KEY-----\n{'MIIEvQIBADANBgkqhkiG'}\n{PASSWORD}\n-----END KEY-----\n"
LOGIN = {"auths": {"r.example.com": {"auth": b64(f"puller:{PASSWORD}")}}}
CLAIMS = {"iss": "robot", "key": PASSWORD}

ENCODED = {
    "the header of a basic login": f"Basic {b64(f'admin:{PASSWORD}')}",
    "a document with lines": b64(f"[db]\n\tpassword = {PASSWORD}\r\n"),
    "an indented JSON document": b64(json.dumps({"key": PASSWORD}, indent=2)),
    "base64 in lines": base64.encodebytes(f"{'x' * 52}{PASSWORD}{'x' * 30}".encode()).decode(),
    "base64 in lines of a document": "".join(
        (
            "apiVersion: v1\ndata: |\n",
            *(
                f"  {line}\n"
                for line in (
                    base64.encodebytes(json.dumps({"k": f"{'é' * 40}{PASSWORD}"}).encode())
                    .decode()
                    .split()
                )
            ),
            "kind: Secret\n",
        )
    ),
    "base64 for URLs": for_urls(f"{PASSWORD}???>>>~~~"),
    "base64 without padding": b64(f"{PASSWORD}ab").rstrip("="),
    "base64 in a path": f"/keys/{b64(PASSWORD)}",
    "base64 behind a name": f"api_key_{b64(PASSWORD)}",
    "a PEM": b64(PEM),
    "the claims of a token": f"Bearer {for_urls('{}')}.{for_urls(json.dumps(CLAIMS))}.c2ln",
    "the first of two equal names": f'{{"key": "{PASSWORD}", "key": "other"}}',
    "a registry login in base64": b64(json.dumps(LOGIN)),
    "a registry login in a document": json.dumps({"config": json.dumps(LOGIN)}),
    "a registry login in a variable": f"DOCKER_AUTH={json.dumps(LOGIN)}",
    "a document behind a byte order mark": "\ufeff" + json.dumps(LOGIN),
    "a name like a key": json.dumps({"tokens": {PASSWORD: "team-a"}}),
    "hex": PASSWORD.encode().hex(),
    "hex of base64": b64(PASSWORD).encode().hex().upper(),
    "hex in lines": f"{(b'x' * 30).hex()}\n{PASSWORD.encode().hex()}\n",
    "base64 twice": b64(b64(PASSWORD)),
    "a login with an accent in Latin-1": base64.b64encode(
        f"jürgen:{PASSWORD}".encode("latin-1")
    ).decode(),
}


@pytest.mark.parametrize("value", ENCODED.values(), ids=ENCODED)
def test_what_is_encoded_in_a_value_is_secret(value: str) -> None:
    assert any(PASSWORD in found for found in secrets_in(value))
    [shown] = masked([f"refused: {PASSWORD}"], [value])
    assert re.fullmatch(r"refused?:? ?\(secret\)", shown)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://team:long-password-of-it@database.example.com:5432/production",
        "13fc19b2-4637-4669-ac83-6328674bfeba",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "the quick brown foxes jumped lazily across ordinary hedgehogs",
        base64.b64encode(hashlib.sha512(b"").digest()).decode(),
        "CorrectHorseBatteryStaple",
        "short",
        "",
    ],
)
def test_what_is_no_encoding_of_a_text_is_left_alone(value: str) -> None:
    assert [*secrets_in(value)] == [value]


def test_what_is_decoded_twice_is_decoded_no_further() -> None:
    assert PASSWORD not in secrets_in(b64(b64(b64(PASSWORD))))


def test_numbers_are_secret_as_they_are_written() -> None:
    numbers = ("4711081547110815e5", "0.12345678901234567890123456", "9" * 5000)
    assert {*secrets_in(f"[{','.join(numbers)}, true, null]")} == {*numbers, "true"}


@pytest.mark.parametrize(
    "name", ["registry-4711.example.com", "localhost:50001", "client_x509_cert_url", "password"]
)
def test_names_that_a_message_may_tell_are_not_secret(name: str) -> None:
    assert name not in secrets_in(json.dumps({name: "x"}))


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=20), max_size=200))
def test_words_of_a_value_hide_no_words_of_a_message(words: list[str]) -> None:
    """Eight letters are base64 of something: mostly of no text, and if so, of none that is told."""
    held = {found for found in secrets_in(" ".join(words)) if found not in " ".join(words)}
    assert masked([ORDINARY], held) == [ORDINARY]


SHAPES = {
    "one text": lambda n: b64("word " * (n * 3 // 20)),
    "one text twice": lambda n: b64(b64("word " * (n * 9 // 80))),
    "pieces": lambda n: " ".join([b64("abcdef")] * (n // 9)),
    "different pieces": lambda n: " ".join(b64(f"{k:06d}") for k in range(n // 9)),
    "no text": lambda n: "abcdefgh" * (n // 8),
    "lines": lambda n: "\n".join(["abcdefghabcdefgh"] * (n // 17)),
    "lines that end otherwise": lambda n: "\n".join(["abcdefghabcdefgh :"] * (n // 19)),
    "line breaks": lambda n: "abcdefghabcdefgh" + "\n" * n,
    "blanks": lambda n: "abcdefghabcdefgh" + " " * n,
    "brackets": lambda n: "[" * n,
    "a long name": lambda n: json.dumps({"a" * n + "111": "x"}),
    "hex": lambda n: "6162" * (n // 4),
    "documents": lambda n: json.dumps([json.dumps(["abcdefgh"] * (n // 14))]),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_long_value_is_read_a_few_times_only(shape: Any) -> None:
    """The cost of a megabyte is bounded, and so is what is to be searched then."""
    value = shape(1_000_000)
    begun = time.process_time()
    size = sum(map(len, secrets_in(value)))
    assert size <= 4 * len(value)
    assert time.process_time() - begun < 10, "below one second where nothing else runs"


def test_of_a_json_document_what_stands_in_it_is_secret() -> None:
    """Its names are not: a message must be able to name a registry."""
    document = '{"auths": {"r.example.com": {"password": "hunter22", "list": ["a", 710000, null]}}}'
    assert set(secrets_in(document)) == {"hunter22", "a", "710000"}
    assert list(secrets_in("{broken")) == ["{broken"]
    assert list(secrets_in("[" * 100_000)) == ["[" * 100_000]


@pytest.mark.parametrize("auth", ["//4=", "abcde", None])
def test_what_is_no_registry_login_holds_no_password(auth: Any) -> None:
    document = json.dumps({"auth": auth})
    assert list(secrets_in(document)) == ([auth] if isinstance(auth, str) else [])
