"""Credential: what callers of a resource present, or what AgentRun presents to models and tools.

Source: control-plane reference, §8.6. Synchronous and without a state. Create and get answer with
the secret in clear, so nothing of an answer is shown but what `CredentialObserved` names.
"""

from typing import Annotated

from agentrun_operator.core.fields import ApiName, Clear, Immutable, Local, ServerDefault
from agentrun_operator.core.kind import Column, Derived, KeyedBy, ResourceKind, Rest, Rule
from agentrun_operator.core.words import SMALL_LETTERS, OpenWord, Words
from agentrun_operator.kinds.parts import credential_wire as wire
from agentrun_operator.kinds.parts.credential_types import (
    AccessKey,
    ApiKey,
    Basic,
    CustomHeader,
    Jwt,
)
from agentrun_operator.kinds.parts.placement import ONE_PLACE, PLACE, PlacedObserved, PlacedSpec
from agentrun_operator.kinds.parts.rules import exactly_one, never_switches, required

_PURPOSES = {
    "Inbound": "internal",
    "OutboundModel": "external_llm",
    "OutboundTool": "external_tool",
}
_TYPES = ("apiKey", "jwt", "basic", "accessKey", "customHeader")


class CredentialSpec(PlacedSpec):
    """Desired state of one credential."""

    purpose: Annotated[
        OpenWord | None,
        ApiName("credentialSourceType"),
        Words(_PURPOSES, SMALL_LETTERS),
        Immutable(),
    ] = None
    """Inbound (callers present it), OutboundModel (presented to a model provider) or OutboundTool
    (presented to a tool)."""
    api_key: Annotated[ApiKey | None, Local()] = None
    """A key in one header."""
    jwt: Annotated[Jwt | None, Local()] = None
    """Tokens signed by a key of a key set."""
    basic: Annotated[Basic | None, Local()] = None
    """User names and passwords."""
    access_key: Annotated[AccessKey | None, Local()] = None
    """A key pair."""
    custom_header: Annotated[CustomHeader | None, Local()] = None
    """Headers of any name."""
    enabled: Annotated[bool | None, ServerDefault("true"), Clear(True)] = None  # noqa: FBT003 - the value on the wire
    """Whether it may be used; server default true."""


class CredentialObserved(PlacedObserved):
    """What `status.atProvider` shows; the rest of a read is secret or empty."""

    credential_id: str | None = None
    """Informative id; the API's key is the name."""


KIND = ResourceKind(
    kind="Credential",
    plural="credentials",
    short_names=("arcred",),
    summary="What callers present, or what AgentRun presents to models and tools.",
    # Adopting would overwrite the secret of somebody else.
    adopts_by_default=False,
    spec=CredentialSpec,
    observed=CredentialObserved,
    rest=Rest(
        "/agents/credentials",
        noun="Credential",
        nouns="Credentials",
        key=KeyedBy.NAME,
        id_field="credentialId",
        name_field="credentialName",
        name_filter={"credentialName": "{name}"},
        list_omits=frozenset({"credentialSecret", "credentialPublicConfig", "relatedResources"}),
        change_token="updatedAt",  # noqa: S106 - a field name
        state_field=None,
        state_reason_field=None,
    ),
    derived=(
        # Several types share these wire fields, so their drift is shown under the API's names.
        Derived("credentialAuthType", "credentialAuthType", wire.auth_type, immutable=True),
        wire.PUBLIC_CONFIG,
        Derived("credentialSecret", "credentialSecret", wire.secret, secret=True),
        PLACE,
    ),
    rules=(
        required("purpose", "set it to Inbound, OutboundModel or OutboundTool"),
        exactly_one(_TYPES, "keep the one that this credential is"),
        never_switches(_TYPES, "create another Credential for the other type"),
        Rule(
            "!has(self.jwt) || has(self.jwt.jwksFrom) != has(self.jwt.remote)",
            "exactly one of jwt.jwksFrom and jwt.remote must be set; keep one",
            "jwt",
        ),
        Rule(
            "!has(self.accessKey) || (has(self.accessKey.accessKeyId)"
            " && has(self.accessKey.secretFrom)) != (has(self.accessKey.parameters)"
            " && self.accessKey.parameters.size() > 0)",
            "accessKey needs either accessKeyId with secretFrom, or parameters; complete one",
            "accessKey",
        ),
        ONE_PLACE,
    ),
    columns=(Column("Purpose", ".spec.purpose"),),
)
