"""Every knob of the simulated cloud, with the reason for its default.

`Switches` holds the questions that the control-plane reference leaves open (§10): each answer a
client must survive is one value, and the default is explained in docs/simulator.md.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Base of settings: frozen, camelCase in JSON, no unknown names, no values in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
"""Regular expression that must match the whole of a text."""


class Account(Model):
    """One access key and the account it belongs to; an account may have several keys."""

    account_id: Annotated[str, Field(min_length=1)]
    """Account number: the owner of everything created with this key."""
    access_key_id: Annotated[str, Field(min_length=1)]
    """Access key id, `STS.…` for temporary keys."""
    access_key_secret: SecretStr
    """Secret that signs the requests."""
    security_token: SecretStr | None = None
    """STS token that must come with the key; None means a permanent key."""


DEMO_ACCOUNT = Account(
    account_id="1234567890",
    access_key_id="demo-access-key-id",
    access_key_secret=SecretStr("demo-access-key-secret"),
)
"""The account served when none is configured."""


class Switches(Model):
    """Open questions of the reference, answered by default in the way named there."""

    empty_list: Literal["not-set", "clear"] = "not-set"
    """How `[]` of a list of objects is read: as absent (SDK noise, §4.6), or as "clear it"."""
    nested_put: Literal["replace", "merge"] = "replace"
    """What PUT does with an object inside the resource (§10 item 6)."""
    empty_text: Literal["stored", "not-set"] = "stored"
    """How `""` in a body is read: as a value, which clears a field, or as absent (§10)."""
    workspace_update: Literal["moves", "ignored"] = "moves"
    """What `workspaceId` in an update does (§10)."""
    name_scope: Literal["account", "workspace"] = "account"
    """Where names of resources that have an id of their own are unique (§10)."""
    name_filter: Literal["contains", "prefix", "exact"] = "contains"
    """How lists compare names when `searchMode` does not say `exact` (§5.4, §10)."""
    flow_draft: Literal["separate", "shared"] = "separate"
    """Whether edits of a flow's draft show in the flow only when published, or at once."""
    delete_im_bot: Literal["json", "no-content"] = "json"
    """Whether DeleteIMBot answers an envelope, or a 204 that the official client cannot read."""
    duplicate_status: Literal[400, 409, 500] = 409
    """Status of a duplicate name; ModelProxy always answers 500 (§4.2, §10 item 4)."""
    duplicate_sandbox_id: Literal["refuse", "return-existing"] = "refuse"
    """What a second create with the same caller-chosen sandbox id does (§8.4 [?])."""
    delete_with_children: Literal["refuse", "cascade"] = "refuse"
    """Delete of a runtime with endpoints, or of a template with live sandboxes (§10)."""
    delete_in_use: Literal["refuse", "allow"] = "refuse"
    """Delete of a credential, model service or workspace that something refers to (§10)."""
    check_references: bool = False
    """Whether names of credentials, model services and workspaces must exist (not attested)."""
    refuse_unknown_fields: bool = False
    """Whether a body field outside the schema is a 400 instead of being ignored."""
    write_in_transition: Literal["allow", "refuse"] = "allow"
    """Whether PUT is taken while CREATING or UPDATING; while DELETING it never is."""
    unset_fields: Literal["absent", "zero"] = "absent"
    """Whether scalars never set are left out, or come back as `""`, 0 and false (§8)."""
    registry_password: Literal["masked", "echoed"] = "masked"
    """Whether a registry password comes back as `abc***` (§7, a help example)."""
    provider_api_key: Literal["echoed", "omitted"] = "echoed"
    """Whether `providerSettings.apiKey` comes back (§8.7, not attested)."""
    require_model_type: bool = False
    """Whether ListModelServices insists on `modelType` (§6; agentrun-sdk does not send it)."""
    mcp_after_stop: Literal["absent", "STOPPED"] = "absent"
    """The template's MCP state after StopTemplateMCP (§5.1: unknown)."""


class Denial(Model):
    """Calls that are refused with 403, as RAM does for missing permissions."""

    action: Pattern = ".*"
    """Operation names."""
    account: str | None = None
    """Account number; None means every account."""
    access_key_id: str | None = None
    """Key; None means every key of the account."""
    code: Literal["NoPermission", "Forbidden.RAM"] = "NoPermission"


class RateLimit(Model):
    """A token bucket per account; what finds it empty is refused with 429."""

    action: Pattern = ".*"
    """Operation names that share the bucket."""
    per_second: Annotated[float, Field(gt=0)]
    burst: Annotated[int, Field(ge=1)]
    """Calls that pass at once when the bucket is full."""
    retry_after: bool = True
    """Whether the refusal says in `x-acs-retry-after` how many milliseconds to wait."""


class Latency(Model):
    """How long calls take, log-normally distributed; real time, whatever the clock."""

    action: Pattern = ".*"
    """Operation names."""
    median_seconds: Annotated[float, Field(ge=0, le=600)]
    p99_seconds: Annotated[float, Field(ge=0, le=600)] | None = None
    """What one call in a hundred exceeds; None means always the median."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.p99_seconds is not None and self.p99_seconds < self.median_seconds:
            raise ValueError("p99Seconds is below medianSeconds")
        return self


class Settings(Model):
    """How one simulator behaves."""

    accounts: Annotated[tuple[Account, ...], Field(min_length=1)] = (DEMO_ACCOUNT,)
    """Keys that may sign; the first account serves unsigned calls when signatures are off."""
    seed: int | None = None
    """Makes ids and latencies repeat from run to run; None means chance. Read at the start."""
    verify_signatures: bool = True
    """Whether ACS3 signatures are checked (§2)."""
    transition_seconds: Annotated[float, Field(ge=0, le=86400)] = 2.0
    """How long CREATING, UPDATING and DELETING last, in seconds; long enough to be seen."""
    clock_skew_seconds: Annotated[float, Field(gt=0)] = 900.0
    """Largest accepted distance of `x-acs-date` from our clock, in seconds (§2.5 [?])."""
    default_region: str = "cn-hangzhou"
    """Region of requests whose Host header names none, as on a loopback address."""
    data_endpoint: str | None = None
    """Address that a model proxy's `endpoint` begins with; None means the official host (§1.1)."""
    max_body_bytes: Annotated[int, Field(gt=0)] = 8 * 1024 * 1024
    """Largest accepted request body, in bytes; ours, the reference has no number."""
    max_log_entries: Annotated[int, Field(gt=0)] = 50_000
    """Requests kept in the log, as long as they fit into 64 MiB; the oldest go first."""
    regions: tuple[str, ...] = ()
    """Regions served; the others are unknown to the gateway. Empty means all."""
    denials: tuple[Denial, ...] = ()
    """Calls without permission."""
    rate_limits: tuple[RateLimit, ...] = ()
    """Rates; a call must pass all that it falls under."""
    latencies: tuple[Latency, ...] = ()
    """Durations of calls; the first that fits counts."""
    quotas: dict[str, Annotated[int, Field(ge=0)]] = {}
    """Most resources of a family in one account and region, by family name."""
    stale_list_seconds: Annotated[float, Field(ge=0, le=86400)] = 0.0
    """How old a list may be: it shows what was there when it was last read anew."""
    switches: Switches = Switches()
    """Answers to the open questions."""
