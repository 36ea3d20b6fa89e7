"""The command line: parse, delegate, and turn failures into one line and an exit code."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentrun_operator import __version__, app, crdgen
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.environment import PREFIX, SettingsError, settings_from
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.selftest import run_checks
from agentrun_operator.kube.uninstall import find_held, refusal
from agentrun_operator.telemetry.logs import configure_logging

_LEVELS = ("debug", "info", "warning", "error")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if options.command == "version":
        print(__version__)  # noqa: T201 - this is the command's result
        return 0
    if options.command == "generate":
        return _generate(options.root, only_check=options.check)
    try:
        configure_logging(
            log_format="console" if environ.get(f"{PREFIX}LOG_FORMAT") == "text" else "json",
            level=environ.get(f"{PREFIX}LOG_LEVEL") or "INFO",
        )
        settings = settings_from(environ)
        if options.command == "guard-uninstall":
            return asyncio.run(_guard_uninstall(settings, environ))
        if options.command == "selftest":
            return asyncio.run(_selftest(settings, environ, options.url))
        app.serve(settings, environ)
    except (SettingsError, ValueError, *app.FATAL) as error:
        print(f"agentrun-operator: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agentrun-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help=f"serve a cluster; settings come from {PREFIX}* variables")
    commands.add_parser("version", help="print the version")
    commands.add_parser("guard-uninstall", help="fail while objects carry the operator's finalizer")
    selftest = commands.add_parser("selftest", help="check an installation from inside the cluster")
    selftest.add_argument("url", help="where the operator serves its probes, without a path")
    generate = commands.add_parser("generate", help="write CRDs, chart pieces and reference pages")
    generate.add_argument("--root", type=Path, default=Path(), help="repository (default: here)")
    generate.add_argument("--check", action="store_true", help="fail where a file is out of date")
    return parser


def _generate(root: Path, *, only_check: bool) -> int:
    kinds = catalogue().values()
    changed = crdgen.check(root, kinds) if only_check else crdgen.write(root, kinds)
    for path in changed:
        print(f"{'out of date' if only_check else 'wrote'}: {path}")  # noqa: T201
    return 1 if only_check and changed else 0


def _served(settings: Settings) -> tuple[ResourceKind, ...]:
    return tuple(k for k in catalogue().values() if k.namespaced or not settings.namespaces)


async def _guard_uninstall(settings: Settings, environ: Mapping[str, str]) -> int:
    async with KubeClient.open(ClusterAccess.load(environ=environ)) as client:
        held = await find_held(
            client,
            _served(settings),
            namespaces=settings.namespaces,
            controller_class=settings.controller_class,
        )
    print(refusal(held) if held else "nothing needs the operator any more")  # noqa: T201
    return 1 if held else 0


async def _selftest(settings: Settings, environ: Mapping[str, str], url: str) -> int:
    is_fine = True
    async with KubeClient.open(ClusterAccess.load(environ=environ)) as client:
        async for finding in run_checks(
            client,
            _served(settings),
            url=url.rstrip("/"),
            namespace=settings.operator_namespace,
        ):
            print(finding, flush=True)  # noqa: T201
            is_fine = is_fine and finding.problem is None
    return 0 if is_fine else 1
