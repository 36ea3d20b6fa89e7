"""Values behind references, and that nothing shows them."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.errors import ReferenceNotFound, Unresolved
from agentrun_operator.core.fields import (
    ConfigMapKeySelector,
    Reference,
    SecretKeySelector,
    SecretSource,
    ValueFrom,
)
from agentrun_operator.core.resolution import Resolution
from unit.core.sample_kind import RESOLUTION, SECRET_VALUE, json_values

USER = "robot"


def test_the_repr_shows_no_value() -> None:
    resolution = Resolution(
        references={("Credential", "in"): "in-external"},
        secrets={"keys": {"token": SECRET_VALUE}},
        config_maps={"settings": {"token": SECRET_VALUE}},
    )
    assert SECRET_VALUE not in repr(resolution)
    assert "in-external" in repr(resolution)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        pytest.param(Reference(name="in"), "in-external", id="our object"),
        pytest.param(Reference(external_name="theirs"), "theirs", id="in AgentRun only"),
    ],
)
def test_reference(reference: Reference, name: str) -> None:
    assert RESOLUTION.reference("Credential", reference) == name


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        pytest.param(Reference(name="chat"), "chat-external", id="our object"),
        pytest.param(Reference(external_name="theirs"), "theirs", id="in AgentRun only"),
    ],
)
def test_a_reference_by_name_passes_over_the_id(reference: Reference, name: str) -> None:
    resolution = Resolution(
        references={("AgentRuntime", "chat"): "id-1"},
        external_names={("AgentRuntime", "chat"): "chat-external"},
    )
    assert resolution.reference("AgentRuntime", reference, by_name=True) == name
    assert resolution.by_version().reference("AgentRuntime", reference, by_name=True) == name
    with pytest.raises(Unresolved):
        Resolution().reference("AgentRuntime", Reference(name="chat"), by_name=True)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param(
            ValueFrom(secret_key_ref=SecretKeySelector(name="keys", key="token")),
            SECRET_VALUE,
            id="Secret",
        ),
        pytest.param(
            ValueFrom(config_map_key_ref=ConfigMapKeySelector(name="settings", key="level")),
            "info",
            id="ConfigMap",
        ),
        pytest.param(
            SecretSource(secret_key_ref=SecretKeySelector(name="keys", key="token")),
            SECRET_VALUE,
            id="Secret only",
        ),
    ],
)
def test_value(source: ValueFrom | SecretSource, value: str) -> None:
    assert RESOLUTION.value(source) == value


AT = SecretKeySelector(name="keys", key="token")
EMPTY = Resolution(secrets={"keys": {"token": ""}})


def test_a_variable_may_be_empty_and_a_credential_may_not() -> None:
    assert EMPTY.value(ValueFrom(secret_key_ref=AT)) == ""
    with pytest.raises(ReferenceNotFound, match="key 'token' of Secret 'keys' is empty"):
        EMPTY.value(SecretSource(secret_key_ref=AT))


def test_a_value_that_is_no_text_is_not_called_missing() -> None:
    binary = Resolution(secrets={"keys": {}}, unreadable=frozenset({("Secret", "keys", "token")}))
    with pytest.raises(ReferenceNotFound, match="key 'token' of Secret 'keys' is no UTF-8 text"):
        binary.value(SecretSource(secret_key_ref=AT))


def test_what_was_left_unresolved_is_an_error_of_ours_to_handle() -> None:
    with pytest.raises(Unresolved):
        Resolution().reference("Credential", Reference(name="in"))
    for what in ("Secret", "ConfigMap"):
        with pytest.raises(Unresolved):
            Resolution().all_of(what, "gone")
    with pytest.raises(Unresolved, match="Secret 'nope' is not resolved"):
        RESOLUTION.secret("nope", "token")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        pytest.param(lambda: RESOLUTION.secret("keys", "nope"), "Secret 'keys'", id="Secret key"),
        pytest.param(
            lambda: RESOLUTION.config_map("settings", "nope"), "ConfigMap 'settings'", id="key"
        ),
    ],
)
def test_what_is_missing_is_named_and_no_value_shown(what: Any, message: str) -> None:
    with pytest.raises(ReferenceNotFound, match=f"{message} has no key") as caught:
        what()
    assert SECRET_VALUE not in str(caught.value)
    assert "add the key or correct the reference" in str(caught.value)


def _auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _login(document: object, image: str) -> tuple[str, str]:
    text = document if isinstance(document, str) else json.dumps(document)
    return Resolution(secrets={"pull": {".dockerconfigjson": text}}).registry_login("pull", image)


LOGINS = [
    pytest.param({"r.io": _auth(USER, "p")}, "r.io/team/app:v1", "p", id="auth"),
    pytest.param(
        {"r.io": {"username": USER, "password": "p"}}, "r.io/app", "p", id="user and password"
    ),
    pytest.param(
        {"r.io": {"username": "", **_auth(USER, "p")}}, "r.io/app", "p", id="auth beats no user"
    ),
    pytest.param({"r.io": _auth(USER, "p:q")}, "r.io/app", "p:q", id="colon in the password"),
    pytest.param({"https://r.io/v2/": _auth(USER, "p")}, "r.io/app", "p", id="address as name"),
    pytest.param({"r.io:5000": _auth(USER, "p")}, "r.io:5000/app", "p", id="port"),
    pytest.param({"localhost": _auth(USER, "p")}, "localhost/app", "p", id="localhost"),
    pytest.param(
        {"https://index.docker.io/v1/": _auth(USER, "p")}, "team/app:v1", "p", id="Docker Hub"
    ),
    pytest.param(
        {"https://index.docker.io/v1/": _auth(USER, "p")}, "nginx", "p", id="official image"
    ),
    pytest.param(
        {"r.io/other": _auth("no", "no"), "r.io/team": _auth(USER, "p")},
        "r.io/team/app@sha256:0",
        "p",
        id="the entry for the image's path",
    ),
    pytest.param(
        {"r.io": _auth("no", "no"), "r.io/team/app": _auth(USER, "p")},
        "r.io/team/app:v1",
        "p",
        id="the longest path",
    ),
    pytest.param(
        {"r.io/te": _auth("no", "no"), "r.io": _auth(USER, "p")},
        "r.io/team/app",
        "p",
        id="whole steps of a path",
    ),
]


@pytest.mark.parametrize(("entries", "image", "password"), LOGINS)
def test_registry_login(entries: dict[str, Any], image: str, password: str) -> None:
    assert _login({"auths": entries}, image) == (USER, password)


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": base64.b64encode(b"robot:p4ss\r\n").decode()},
        {"username": "robot\n", "password": "p4ss\n"},
    ],
    ids=["auth", "user and password"],
)
def test_a_login_goes_out_without_its_trailing_line_break(entry: dict[str, str]) -> None:
    assert _login({"auths": {"r.io": entry}}, "r.io/app") == (USER, "p4ss")


def test_a_control_character_in_a_login_is_refused_by_place() -> None:
    with pytest.raises(ReferenceNotFound) as caught:
        _login({"auths": {"r.io": {"username": USER, "password": "pa\tss"}}}, "r.io/app")
    assert caught.value.message.startswith(
        "the password in key '.dockerconfigjson' of Secret 'pull' for registry 'r.io' holds a tab"
    )


MALFORMED = [
    pytest.param("{", id="no JSON"),
    pytest.param("[" * 100_000, id="nested too deep"),
    pytest.param([], id="a list"),
    pytest.param({}, id="no auths"),
    pytest.param({"auths": []}, id="auths is a list"),
    pytest.param({"auths": {}}, id="no entry"),
    pytest.param({"auths": {"other.io": _auth(USER, SECRET_VALUE)}}, id="other host"),
    pytest.param({"auths": {"r.io": None}}, id="empty entry"),
    pytest.param({"auths": {"r.io": "username"}}, id="text for an entry"),
    pytest.param({"auths": {"r.io": {}}}, id="entry without auth"),
    pytest.param({"auths": {"r.io": {"auth": "%%%"}}}, id="no base64"),
    pytest.param({"auths": {"r.io": {"auth": "/w=="}}}, id="no UTF-8"),
    pytest.param({"auths": {"r.io": {"auth": "dXNlcg=="}}}, id="no colon"),
    pytest.param({"auths": {"r.io": {"auth": 7}}}, id="number for auth"),
]


@pytest.mark.parametrize("document", MALFORMED)
def test_a_malformed_login_is_reported_without_its_text(document: object) -> None:
    with pytest.raises(ReferenceNotFound, match=r"Secret 'pull' holds no login for") as caught:
        _login(document, "r.io/app")
    assert "r.io" in str(caught.value)
    assert SECRET_VALUE not in str(caught.value)
    assert caught.value.__context__ is None, "a parser's error carries the document"


def test_a_login_secret_of_another_type_is_named() -> None:
    with pytest.raises(ReferenceNotFound, match=r"'pull' has no key '.dockerconfigjson'"):
        Resolution(secrets={"pull": {"password": SECRET_VALUE}}).registry_login("pull", "r.io/a")


@given(json_values, st.text(max_size=20))
def test_no_document_breaks_the_login(document: object, image: str) -> None:
    try:
        _login(document, image)
    except ReferenceNotFound as error:
        assert "holds no login" in error.message  # noqa: PT017 - both ends are fine


def test_the_newest_version_is_a_number_on_the_wire() -> None:
    resolution = Resolution(newest_versions={"agentRef": "3"})
    for found in (resolution, resolution.by_version()):
        assert found.version("agentRef", "Published") == "3"
        assert found.version("agentRef", "LATEST") == "LATEST"
        assert found.version("agentRef", None) is None
    with pytest.raises(Unresolved):
        Resolution().version("agentRef", "Published")
