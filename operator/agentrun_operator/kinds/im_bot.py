"""IMBot: a bot of a messenger that passes messages to an agent.

Source: control-plane reference, §8.15. It is taken for ready once it exists: the words of its
`status` are not attested, and the update takes any of them. The API names the agent by ids and by
an address; neither has to belong to the other. Left out: `minInstances` and the role in `metadata`,
one for all bots of an account, which no answer shows: the bots would set them in turn, and a role
taken out of one spec would go from all bots.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    ObservedModel,
    SecretSource,
    Unquoted,
    WriteOnly,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.core.words import SMALL_LETTERS, OpenWord, Words
from agentrun_operator.kinds.parts.bot_agent import AGENT_RULE, BotAgent
from agentrun_operator.kinds.parts.placement import Description
from agentrun_operator.kinds.parts.rules import required


class IMBotSpec(NamedSpec):
    """Desired state of one bot."""

    type: Annotated[
        OpenWord | None,
        ApiName("botBizType"),
        Words(
            {"DingTalk": "dingtalk", "WeCom": "wecom", "Feishu": "feishu", "Custom": "custom"},
            SMALL_LETTERS,
        ),
    ] = None
    """Messenger that it belongs to: DingTalk, WeCom, Feishu or Custom."""
    bot_id: Annotated[
        str | None,
        ApiName("botBizId"),
        Field(min_length=1, max_length=256),
        NO_BLANKS,
        Unquoted(),
    ] = None
    """Id of the bot at the messenger."""
    secret_from: Annotated[SecretSource | None, ApiName("botBizSecret"), WriteOnly()] = None
    """Secret of the bot at the messenger, by reference."""
    mode: Annotated[
        OpenWord | None,
        ApiName("botMode"),
        Words({"Standard": "standard", "Custom": "custom"}, SMALL_LETTERS),
    ] = None
    """Standard (an agent answers) or Custom (a function of one's own does). It is one for all bots
    of an account: two bots of different modes are corrected in turn until they say `Contested`.
    Server default: the one that they have."""
    agent: Annotated[BotAgent | None, ApiName("metadata")] = None
    """What answers the messages; required with mode Standard."""
    description: Description | None = None
    """Free text, at most 256 characters."""


class IMBotObserved(ObservedModel):
    """What `status.atProvider` shows.

    Not `currentInstances` and `lastMessageTime`: messages move them, and each move would be a write
    of the status.
    """

    id: str | None = None
    """The API's key."""
    status: str | None = None
    """The API's own word for its state."""
    created_at: str | None = None
    """When it was created."""


KIND = ResourceKind(
    kind="IMBot",
    plural="imbots",
    short_names=("arbot",),
    summary="A bot of a messenger that passes messages to an agent.",
    # Adopting would overwrite the secret of somebody else.
    adopts_by_default=False,
    spec=IMBotSpec,
    observed=IMBotObserved,
    rest=Rest(
        "/agents/im-bots",
        noun="IMBot",
        nouns="IMBots",
        key=KeyedBy.ID,
        id_field="id",
        name_field="botName",
        name_filter={"botName": "{name}"},
        change_token="updatedAt",  # noqa: S106 - a field name
        state_field=None,
        state_reason_field=None,
    ),
    rules=(
        required("type", "set it, e.g. to DingTalk"),
        required("botId", "set it to the id of the bot at the messenger"),
        required("secretFrom", "name the Secret that holds the secret of the bot"),
        AGENT_RULE,
    ),
    columns=(Column("Type", ".spec.type"), Column("Mode", ".spec.mode")),
)
