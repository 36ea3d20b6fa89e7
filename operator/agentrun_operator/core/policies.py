"""The fields that every kind with a cloud resource shares."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import Local, Name, Names, ObjectName, SpecModel
from agentrun_operator.core.identity import ACCOUNT_KINDS

MAX_PATHS = 64
"""In `ignoreFields`."""
MAX_PATH = 256
"""Characters of one of them."""


class AccountReference(SpecModel):
    """The account that the resource lives in."""

    kind: Literal["Account", "ClusterAccount"] = "Account"
    """Account (of this namespace) or ClusterAccount."""
    name: ObjectName
    """Name of the account object: lower-case letters, digits, `-` and `.`."""


class Timeouts(SpecModel):
    """Deadlines after which Ready says Timeout; slow polling goes on."""

    create_seconds: Annotated[int | None, Field(ge=10, le=86400)] = None
    """Seconds a create may take; operator default 600."""
    update_seconds: Annotated[int | None, Field(ge=10, le=86400)] = None
    """Seconds an update may take; operator default 600."""
    delete_seconds: Annotated[int | None, Field(ge=10, le=86400)] = None
    """Seconds a delete may take; operator default 300."""


class ResourceSpec(SpecModel):
    """Policies of the operator itself; none of them goes to the API."""

    account_ref: Annotated[AccountReference | None, Names(ACCOUNT_KINDS), Local()] = None
    """Account to use. Unset: Account `default` of the namespace, then ClusterAccount `default`,
    then the operator's own settings if it allows them."""
    deletion_policy: Annotated[Literal["Delete", "Retain"] | None, Local()] = None
    """What becomes of the cloud resource when this object is deleted. Unset: `defaults` of the
    account say it, else delete what the operator created, retain what it adopted."""
    adoption_policy: Annotated[Literal["Adopt", "Never"] | None, Local()] = None
    """What to do when the name already exists in AgentRun: Adopt uses it unless it carries another
    owner's mark, Never stalls. Operator default Adopt, for Credential and IMBot Never."""
    management_policy: Annotated[Literal["Manage", "Observe"], Local()] = "Manage"
    """Manage keeps the resource as specified; Observe only reads it."""
    drift_policy: Annotated[Literal["Correct", "Report", "Ignore"], Local()] = "Correct"
    """What to do when the resource differs from this spec: Correct brings it back, Report tells it
    in `status.drift` and Ignore says nothing. Under Report and Ignore only edits are sent: the
    fields of this spec, and the values of Secrets and ConfigMaps, that changed since they were last
    acted on. What is adopted is left as it is."""
    ignore_fields: Annotated[
        tuple[Annotated[str, Field(max_length=MAX_PATH)], ...],
        Local(),
        Field(max_length=MAX_PATHS),
    ] = ()
    """Spec paths whose drift is ignored, e.g. `network.mode`, `endpoints.weight` or `env.LEVEL`.
    Their values in AgentRun are kept, also when a field beside them is corrected."""
    timeouts: Annotated[Timeouts | None, Local()] = None
    """Deadlines of this object."""
    controller_class: Annotated[str, Local(), Field(max_length=63)] = ""
    """Which operator instance serves this object; empty: the one without a class. Immutable."""


class NamedSpec(ResourceSpec):
    """A resource that has a name in AgentRun, which all but sandboxes have."""

    external_name: Annotated[Name | None, Local()] = None
    """Name in AgentRun; unset: metadata.name, behind the `defaults.namePrefix` of the account if it
    has one. Immutable once the resource exists."""


class HasStates(ResourceSpec):
    """A resource that `Rest.verbs` bring from one state to another."""

    desired_state: Annotated[str, Local()]
    """A word of `Rest.verbs`; the kind says what each of them means."""


class HasVersions(ResourceSpec):
    """A resource of which AgentRun keeps numbered versions (`Rest.versions`)."""

    publish: Annotated[Literal["Never", "OnChange"], Local()] = "Never"
    """When a version is published: Never, or OnChange: one for each change of this spec, or of a
    Secret or ConfigMap that it names, once the resource is as specified. What others change in
    AgentRun publishes nothing. Nothing takes a version away again."""
    publish_description: Annotated[str | None, Local(), Field(max_length=128)] = None
    """What the next version says of itself, at most 128 characters; a mark of the operator
    follows. Unset: generation and name of this object. Changing it publishes nothing."""


class EndsByItself(HasStates):
    """A resource that comes to an end by itself, as it is meant to: its object is Completed then.

    Its kind has a client-assigned id, so that each one that follows has another.
    """

    restart_policy: Annotated[Literal["Never", "Always"], Local()] = "Never"
    """What follows when it ended by itself, by idleness or after at most 6 hours: Never leaves it
    Completed, Always puts a new one in its place, every 10 to 300 s while they end early."""
    ttl_seconds_after_finished: Annotated[int | None, Local(), Field(ge=0, le=31_536_000)] = None
    """Seconds after its end at which it is removed from AgentRun; this object stays. Unset: it
    stays listed there, unless restartPolicy replaces it."""
