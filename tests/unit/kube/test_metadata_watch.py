"""Which changes are reported, across lists, streams, expiries and refusals."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog

from agentrun_operator.kube.client import ListExpired
from agentrun_operator.kube.metadata_watch import (
    BACKOFF_CAP_SECONDS,
    CONFIG_MAPS,
    FORBIDDEN_SECONDS,
    SECRETS,
    MetadataWatch,
    Watched,
)
from agentrun_operator.reconcile.ports import ClusterForbidden, ClusterUnavailable, Json
from unit.kube.scripted_cluster import ScriptedStream

Step = Json | list[Json] | Exception


def item(name: str, version: str) -> Json:
    return {"metadata": {"namespace": "team", "name": name, "resourceVersion": version}}


def page(version: str, *items: Json) -> Json:
    return {"metadata": {"resourceVersion": version}, "items": list(items)}


def event(kind: str, name: str, version: str) -> Json:
    return {"type": kind, "object": item(name, version)}


def bookmark(version: str) -> Json:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


class Run:
    """One stream driven through a script; the end of the script stops it."""

    def __init__(self, *script: Step, watched: Watched = SECRETS) -> None:
        self.client = ScriptedStream(*script)
        self.changes: list[tuple[str, str, str]] = []
        self.versions: dict[str, str] = {}
        """What was last said of each, "" of what is gone."""
        self.delays: list[float] = []
        self.now = 1000.0
        self.seconds_after_stream = 0.0
        """How long each stream and the wait after it take."""
        self._stop = asyncio.Event()
        self.watch = MetadataWatch(
            self.client,
            self._changed,
            watched=(watched,),
            relist_seconds=600.0,
            sleep=self._sleep,
            monotonic=lambda: self.now,
        )

    def _changed(self, kind: str, namespace: str, name: str, version: str) -> None:
        self.changes.append((kind, namespace, name))
        self.versions[name] = version

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += self.seconds_after_stream
        if not self.client.script:
            self._stop.set()
            await asyncio.Event().wait()

    async def finish(self) -> "Run":
        await self.watch.run(self._stop)
        return self

    @property
    def names(self) -> list[str]:
        return [name for _, _, name in self.changes]


async def test_the_first_list_is_silent_and_what_follows_is_reported() -> None:
    run = await Run(
        page("10", item("a", "1")),
        [event("ADDED", "b", "11"), event("MODIFIED", "a", "12"), event("DELETED", "b", "13")],
    ).finish()
    assert run.changes == [
        ("Secret", "team", "b"),
        ("Secret", "team", "a"),
        ("Secret", "team", "b"),
    ]


async def test_a_stream_that_ends_continues_where_it_was() -> None:
    run = await Run(page("10"), [event("ADDED", "a", "11"), bookmark("40")], []).finish()
    assert [what for method, _, what in run.client.asked if method == "WATCH"] == ["10", "40"]
    assert run.names == ["a"]


async def test_an_interrupted_stream_continues_without_a_new_list() -> None:
    run = await Run(page("10"), ClusterUnavailable("reset"), [event("ADDED", "a", "11")]).finish()
    assert [method for method, _, _ in run.client.asked] == ["LIST", "WATCH", "WATCH"]
    assert run.names == ["a"]


async def test_after_an_expiry_the_new_list_reports_the_differences() -> None:
    run = await Run(
        page("10", item("same", "1"), item("changed", "2"), item("gone", "3")),
        ListExpired("too old"),
        page("90", item("same", "1"), item("changed", "80"), item("new", "81")),
        [],
    ).finish()
    assert sorted(run.names) == ["changed", "gone", "new"]
    assert run.versions == {"changed": "80", "gone": "", "new": "81"}


async def test_what_a_stream_skipped_is_found_by_the_next_list() -> None:
    run = Run(
        page("10", item("same", "1"), item("skipped", "2"), item("gone", "3")),
        [event("ADDED", "seen", "11")],
        [],
        page("90", item("same", "1"), item("skipped", "20"), item("seen", "11")),
        [],
    )
    run.seconds_after_stream = 300.0
    await run.finish()
    assert [method for method, _, _ in run.client.asked] == [
        "LIST",
        "WATCH",
        "WATCH",
        "LIST",
        "WATCH",
    ]
    assert run.names[0] == "seen"
    assert sorted(run.names[1:]) == ["gone", "skipped"]


async def test_after_a_failed_first_list_the_next_reports_everything() -> None:
    run = await Run(ClusterUnavailable("down"), page("10", item("a", "1")), []).finish()
    assert run.names == ["a"]


async def test_answered_comes_with_the_first_answer_even_a_refusal() -> None:
    run = Run(ClusterForbidden("rbac"))
    answered = asyncio.create_task(run.watch.answered())
    assert not answered.done()
    await run.finish()
    await asyncio.wait_for(answered, 60)


async def test_a_refusal_is_logged_once_and_tried_again_slowly() -> None:
    with structlog.testing.capture_logs() as logs:
        run = await Run(ClusterForbidden("secrets is forbidden"), ClusterForbidden("x")).finish()
    (entry,) = [log for log in logs if log["log_level"] == "warning"]
    assert entry["event"] == "a watch is forbidden"
    assert "secrets is forbidden" in entry["error"]
    assert run.delays == [FORBIDDEN_SECONDS, FORBIDDEN_SECONDS]


async def test_delays_grow_to_a_cap_while_the_server_is_away() -> None:
    run = await Run(*[ClusterUnavailable("down")] * 12).finish()
    assert max(run.delays) <= BACKOFF_CAP_SECONDS
    assert all(delay <= 2.0 ** (n + 1) for n, delay in enumerate(run.delays))


async def test_helm_releases_are_left_to_the_server() -> None:
    run = await Run(page("10"), []).finish()
    assert run.client.asked[0][2] == {"fieldSelector": "type!=helm.sh/release.v1"}
    assert (await Run(page("10"), [], watched=CONFIG_MAPS).finish()).client.asked[0][2] == {}


async def test_each_namespace_has_a_stream_of_each_kind() -> None:
    watch = MetadataWatch(ScriptedStream(), lambda *_: None, namespaces=("a", "b"))
    assert len(watch._streams) == 4


async def test_secrets_may_be_watched_in_fewer_namespaces() -> None:
    few = replace(SECRETS, namespaces=("a",))
    watch = MetadataWatch(ScriptedStream(), lambda *_: None, watched=(few, CONFIG_MAPS))
    assert [(s._watched.kind, s._path) for s in watch._streams] == [
        ("Secret", "/api/v1/namespaces/a/secrets"),
        ("ConfigMap", "/api/v1/configmaps"),
    ]


async def test_a_bug_in_the_callback_is_not_swallowed() -> None:
    def broken(*_: Any) -> None:
        raise LookupError("bug")

    client = ScriptedStream(page("10"), [event("ADDED", "a", "11")])
    watch = MetadataWatch(client, broken, watched=(SECRETS,))
    with pytest.raises(ExceptionGroup) as caught:
        await watch.run(asyncio.Event())
    assert caught.group_contains(LookupError)
