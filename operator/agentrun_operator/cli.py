"""The command line: parse, delegate, and turn failures into one line and an exit code."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentrun_operator import __version__, app, chores, crdgen
from agentrun_operator.environment import PREFIX, SettingsError, described, settings_from
from agentrun_operator.kinds import catalogue
from agentrun_operator.telemetry.levels import LEVELS, LevelSwitch
from agentrun_operator.telemetry.logs import LogFormat, configure_logging, is_terminal


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if options.command == "version":
        print(__version__)  # noqa: T201 - this is the command's result
        return 0
    if options.command == "generate":
        return _generate(options.root, only_check=options.check)
    if options.command in ("guard-uninstall", "selftest"):
        return _chore(options, environ)
    return _run(environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentrun-operator",
        description="Keep Alibaba Cloud AgentRun as the Kubernetes objects of a cluster say.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "run",
        help=f"serve a cluster; settings come from {PREFIX}* variables",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_variables(),
    )
    commands.add_parser("version", help="print the version")
    commands.add_parser("guard-uninstall", help="fail while objects carry the operator's finalizer")
    selftest = commands.add_parser("selftest", help="check an installation from inside the cluster")
    selftest.add_argument("url", help="where the operator serves its probes, without a path")
    generate = commands.add_parser("generate", help="write CRDs, chart pieces and reference pages")
    generate.add_argument("--root", type=Path, default=Path(), help="repository (default: here)")
    generate.add_argument("--check", action="store_true", help="fail where a file is out of date")
    return parser


def _variables() -> str:
    """List the settings with their defaults; what they mean stands beside the chart's values."""
    rows = (
        (f"{PREFIX}LOG_LEVEL", "info"),
        (f"{PREFIX}LOG_LEVEL_FILE", ""),
        (f"{PREFIX}LOG_FORMAT", "text on a terminal, else json"),
        *described(),
    )
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"  {name:<{width}} {default}".rstrip() for name, default in rows)
    return (
        "The cluster is that of KUBECONFIG, of the Pod, or of ~/.kube/config.\n"
        f"Variables, and what holds where they are unset:\n\n{lines}"
    )


def _generate(root: Path, *, only_check: bool) -> int:
    kinds = catalogue().values()
    changed = crdgen.check(root, kinds) if only_check else crdgen.write(root, kinds)
    for path in changed:
        print(f"{'out of date' if only_check else 'wrote'}: {path}")  # noqa: T201 - the result of a command
    return 1 if only_check and changed else 0


def _chore(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    kinds = catalogue().values()
    try:
        settings = settings_from(environ)
        if options.command == "selftest":
            return asyncio.run(chores.selftest(settings, environ, kinds, options.url))
        return asyncio.run(chores.guard_uninstall(settings, environ, kinds))
    except (SettingsError, *app.FATAL) as error:
        print(f"agentrun-operator: {error}", file=sys.stderr)  # noqa: T201 - the result of a command
        return 1


def _run(environ: Mapping[str, str]) -> int:
    try:
        level = environ.get(f"{PREFIX}LOG_LEVEL") or "info"
        if level.lower() not in LEVELS:
            raise SettingsError(f"{PREFIX}LOG_LEVEL is {level!r}; use {', '.join(LEVELS)}")  # noqa: TRY301 - one place turns errors into exit codes
        configure_logging(log_format=_format(environ), level=level)
        file = environ.get(f"{PREFIX}LOG_LEVEL_FILE")
        switch = LevelSwitch(level, Path(file) if file else None)
        app.serve(settings_from(environ), environ, switch)
    except (SettingsError, ValueError, *app.FATAL) as error:
        print(f"agentrun-operator: {error}", file=sys.stderr)  # noqa: T201 - the result of a command
        return 1
    return 0


def _format(environ: Mapping[str, str]) -> LogFormat:
    asked = environ.get(f"{PREFIX}LOG_FORMAT")
    is_text = asked == "text" if asked else is_terminal(sys.stderr)
    return "console" if is_text else "json"
