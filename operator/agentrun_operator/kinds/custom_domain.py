"""CustomDomain: a domain of one's own, and what answers at its paths.

Source: control-plane reference, §8.12. Synchronous and without a state. The answer's schema has the
private key, so nothing of an answer is shown but what `CustomDomainObserved` names.
"""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Immutable,
    Name,
    ObservedModel,
    SpecModel,
    Unordered,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.core.words import CAPITALS, OpenWord, Words
from agentrun_operator.kinds.parts.certificate import CONTENTS, Certificate
from agentrun_operator.kinds.parts.domain_routes import ROUTE_RULES, TARGET, DomainRoute
from agentrun_operator.kinds.parts.placement import Description
from agentrun_operator.kinds.parts.rules import required

TlsWord = Annotated[Name, NO_BLANKS]


class Tls(SpecModel):
    """Which versions and ciphers callers may use."""

    min_version: TlsWord | None = None
    """Oldest version of TLS, in the words of the API, e.g. `TLSv1.2`."""
    max_version: TlsWord | None = None
    """Newest version of TLS, in the words of the API."""
    cipher_suites: Annotated[tuple[TlsWord, ...], Unordered(), Field(max_length=64)] = ()
    """Cipher suites in any order, in the words of the API, at most 64."""


class CustomDomainSpec(NamedSpec):
    """Desired state of one custom domain. Its name in AgentRun is the domain."""

    protocol: Annotated[
        Literal["HTTP", "HTTPS", "HTTPAndHTTPS"] | None, Words({"HTTPAndHTTPS": "HTTP,HTTPS"})
    ] = None
    """What callers may speak: HTTP, HTTPS or HTTPAndHTTPS; the last two need a certificate."""
    type: Annotated[
        OpenWord | None,
        ApiName("domainType"),
        Words({"Standard": "STANDARD", "Sandbox": "SANDBOX"}, CAPITALS),
        Immutable(),
    ] = None
    """Standard, or Sandbox for a domain of sandboxes. Immutable."""
    certificate: Annotated[Certificate | None, ApiName("certConfig"), *CONTENTS] = None
    """The certificate for HTTPS."""
    tls: Annotated[Tls | None, ApiName("tlsConfig")] = None
    """Which versions and ciphers callers may use."""
    routes: Annotated[
        tuple[DomainRoute, ...],
        ApiName("routeConfig.routes"),
        Unordered(),
        *TARGET,
        Field(max_length=64),
    ] = ()
    """What answers at which path, at most 64."""
    description: Description | None = None
    """Free text, at most 256 characters."""


class CustomDomainObserved(ObservedModel):
    """What `status.atProvider` shows."""

    domain_name: str | None = None
    """The domain, which is the API's key."""
    created_at: str | None = None
    """When it was created."""


KIND = ResourceKind(
    kind="CustomDomain",
    plural="customdomains",
    short_names=("ardom",),
    summary="A domain of one's own, and what answers at its paths.",
    spec=CustomDomainSpec,
    observed=CustomDomainObserved,
    rest=Rest(
        "/agents/custom-domains",
        noun="CustomDomain",
        nouns="CustomDomains",
        key=KeyedBy.NAME,
        # No answer has another id than the domain itself, which comes back with its successor.
        id_field="domainName",
        reuses_ids=True,
        name_field="domainName",
        name_filter={"domainName": "{name}"},
        change_token="updatedAt",  # noqa: S106 - a field name
        state_field=None,
        state_reason_field=None,
    ),
    # Domains know no upper and lower case; one spelling alone keeps two objects off one domain.
    name_pattern=r"^([*][.])?([a-z0-9]+[.-]+)*[a-z0-9]+$",
    has_free_name=False,
    rules=(required("protocol", "set it to HTTP, HTTPS or HTTPAndHTTPS"), *ROUTE_RULES),
    columns=(Column("Protocol", ".spec.protocol"), Column("Type", ".spec.type")),
)
