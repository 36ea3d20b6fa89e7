"""Steps that publish versions of a resource, and find out what became of a publication.

Order: list, announce in the status, publish, record. A process that ends in between, or gets no
answer, leaves an announcement; the list of versions then says whether one was made.
"""

from collections.abc import Mapping

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import OperatorError, Unavailable
from agentrun_operator.core.kind import Rest
from agentrun_operator.core.objects import parse_time, timestamp
from agentrun_operator.core.policies import HasVersions
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.versions import Mark, Version, answer_to, newest_of_ours
from agentrun_operator.reconcile import absence, heads, outcome, trouble
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import ExternalAPI, Json
from agentrun_operator.reconcile.report import Reporter
from agentrun_operator.reconcile.step import Step
from agentrun_operator.reconcile.world import World

_MAX_PAGES = 1000


class VersionSteps:
    """The actions that concern versions."""

    def __init__(self, world: World, reporter: Reporter) -> None:
        """Work on one world."""
        self._world = world
        self._reporter = reporter
        self.table: Mapping[Action, Step] = {
            Action.PUBLISH: self.publish,
            Action.FIND_VERSION: self.find_version,
        }

    async def publish(self, ctx: Planned) -> Outcome | None:
        """Publish a version of the head, unless the list shows that it was published before."""
        listed = await self._listed(ctx)
        mark, newest, known = heads.mark_of(ctx), newest_of_ours(listed), heads.on_record(ctx)
        if newest is not None and newest[1].head == mark.head:
            heads.note_head(ctx, newest[0].number)
        elif known is not None and heads.is_head_of(ctx, known):
            # The list was asked for, and nothing else.
            heads.note_head(ctx, known.get("version"))
        elif known is None and ctx.edits is not None and ctx.obj.status.get("adopted"):
            # What was there before is nobody's edit: from now on an edit publishes.
            heads.note_head(ctx, None)
        else:
            await self._announce(ctx, mark)
            version = await self._sent(ctx, mark)
            heads.note_listed(ctx, (version, *listed))
            heads.note_head(ctx, version.number)
            self._tell(ctx, version.number)
        return None

    async def _announce(self, ctx: Planned, mark: Mark) -> None:
        """Write down that a version is about to be published, and by which mark it is known."""
        newest = ctx.versions[0].number if ctx.versions else None
        announced: Json = {
            "externalId": ctx.obj.external_id,
            "head": mark.head,
            "attempt": mark.attempt,
            "startedAt": timestamp(ctx.started_at),
        }
        if newest is not None:
            announced["after"] = newest
        ctx.changes["publishing"] = announced
        verdict = trouble.reported_failure(ctx.obj) or outcome.progressing(
            Reason.CREATING if ctx.obj.creation else Reason.UPDATING,
            "publishing a version",
            synced=False,
        )
        await self._reporter.write(ctx, verdict)
        ctx.memory.published.announced = announced

    async def _sent(self, ctx: Planned, mark: Mark) -> Version:
        """Publish; what was refused made nothing, and is not looked for."""
        rest, spec = _collection(ctx), ctx.plan.spec
        text = spec.publish_description if isinstance(spec, HasVersions) else None
        text = text or f"Generation {ctx.obj.generation} of {ctx.obj.key}"
        body = {"description": mark.described(text)}
        ctx.acted.add("publish")
        try:
            answer = await ctx.binding.api.create(rest, body, parent=ctx.obj.external_id)
            return Version.of(rest, {**body, **answer})
        except Unavailable as error:
            if not error.maybe_applied:
                heads.close(ctx)
            raise
        except OperatorError:
            heads.close(ctx)
            raise
        finally:
            ctx.memory.sent.note_write(self._world.clock.monotonic())

    async def find_version(self, ctx: Planned) -> Outcome | None:
        """Find out whether an announced publication made a version; publish no other before.

        Nor is the resource updated: a publication that is carried out late would make a version of
        something that it does not say.
        """
        announced, known = heads.announced(ctx) or {}, ctx.memory.published
        listed = await self._listed(ctx)
        if (made := answer_to(listed, announced)) is not None:
            newest = newest_of_ours(listed)
            if newest is None or int(newest[0].number) < int(made.number):
                heads.note_published(ctx, announced.get("head") or "", made.number)
            else:
                # An older status may tell of a publication that others followed.
                heads.note_published(ctx, newest[1].head, newest[0].number)
            self._tell(ctx, made.number)
            return None
        started = parse_time(announced.get("startedAt"))
        if started is not None and not absence.is_over(ctx, started):
            return self._wait(ctx, self._world.settings.polling.transition_seconds)
        if known.absent_since is None:
            # One answer is no absence.
            known.absent_since = ctx.now
        left = known.absent_since + ctx.absence_confirm_seconds - ctx.now
        if left > 0:
            return self._wait(ctx, left)
        heads.close(ctx)
        return None

    def _wait(self, ctx: Context, seconds: float) -> Outcome:
        message = "the answer of a publication was lost; looking for the version"
        verdict: Verdict | None = outcome.progressing(Reason.UPDATING, message, synced=False)
        if not ctx.changes and trouble.reported_outage(ctx.obj) is not None:
            # Why it was lost is told already, and is more.
            verdict = None
        return Outcome(verdict, seconds, "requeue_after")

    async def _listed(self, ctx: Planned) -> tuple[Version, ...]:
        """Return the versions of the resource, the newest first; one LIST serves a pass."""
        if ctx.versions is None:
            heads.note_listed(
                ctx,
                await list_versions(ctx.binding.api, _collection(ctx), ctx.obj.external_id or ""),
            )
        return ctx.versions or ()

    def _tell(self, ctx: Context, number: str) -> None:
        self._world.events.emit(ctx.obj, "Normal", "Published", f"published version {number}")


async def list_versions(api: ExternalAPI, rest: Rest, ident: str) -> tuple[Version, ...]:
    """Return all versions of the resource that has an id.

    Raises:
        Unavailable: the list has no end, or shows what is no version.
    """
    found: list[Version] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await api.read_page(rest, parent=ident, cursor=cursor)
        found += [Version.of(rest, item) for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return tuple(found)
    raise Unavailable(f"List{rest.nouns}: no end after {_MAX_PAGES} pages")


def _collection(ctx: Context) -> Rest:
    if ctx.rest.versions is None:
        raise RuntimeError(f"{ctx.kind.kind} has no versions")
    return ctx.rest.versions
