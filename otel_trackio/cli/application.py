"""The program as a whole: its commands, its help, and how it says that something went wrong."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final, NoReturn

import click

from otel_trackio.cli import extension, marks
from otel_trackio.cli.quantity import visible
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, ConfigErrors, OtelTrackioError

PROGRAM: Final = "otel-trackio"

WRONG, USAGE, INTERRUPTED = 1, 2, 130


class Application(click.Group):
    """Commands in sections, each loaded when asked for: what one needs, others need not carry.

    Those of other packages are found by their entry points.
    """

    def __init__(self, sections: Mapping[str, Mapping[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self._sections = sections
        self._places = {name: at for section in sections.values() for name, at in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._places, *extension.extensions()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._places:
            return self._own(cmd_name)
        known = cmd_name in extension.extensions()
        return extension.placeholder(cmd_name) if known else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = args
        if name in self._places or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if name in extension.extensions():
            return name, extension.load(name), rest
        raise self._unknown(name, ctx)

    def _own(self, name: str) -> click.Command:
        module, _, attribute = self._places[name].partition(":")
        command = getattr(import_module(f"{__package__}.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def _unknown(self, name: str, context: click.Context) -> Exception:
        near = get_close_matches(name, self.list_commands(context), cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"see {PROGRAM} --help"
        return click.UsageError(f"no command {name!r}; {hint}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = {
            heading: [(name, self._own(name).get_short_help_str(200)) for name in section]
            for heading, section in self._sections.items()
        }
        rows["Beyond"] = [
            (name, extension.placeholder(name).get_short_help_str(200))
            for name in extension.extensions()
        ]
        widest = max(len(name) for section in rows.values() for name, _ in section)
        for heading, section in rows.items():
            formatter.write(f"\n{heading}:\n")
            for name, line in section:  # Not wrapped: a line to be copied stays whole.
                formatter.write(f"  {name.ljust(widest)}  {line}\n")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"\n{self.epilog}\n")

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the program and exits; every error is one line on standard error."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # A terminal may lack a character of a name.
                stream.reconfigure(errors=marks.FALLBACK)
        with _warnings_shown():
            try:
                if sys.stdout is None:
                    raise OtelTrackioError("standard output is closed", "send it to /dev/null")
                # However it was called, `python -m` included, it goes by one name.
                status = super().main(args, PROGRAM, complete_var, False, **extra)
            except (click.ClickException, OtelTrackioError, OSError) as error:
                _refuse(error)
            except click.Abort:
                sys.exit(INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # Whoever read us has seen enough, as `head` does.
            _abandon_output()
            ctx.exit()
        return result


def _refuse(error: Exception) -> NoReturn:
    if isinstance(error, click.ClickException):
        message, status = _usage(error), error.exit_code
    elif isinstance(error, FileNotFoundError) and error.filename is None:
        # No file was named, so that it is the folder we are in.
        message, status = "the working directory was removed; cd to another", WRONG
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        message, status = f"{(error.strerror or str(error)).lower()}{where}", WRONG
    else:
        message, status = str(error), USAGE if isinstance(error, ConfigError) else WRONG
    told = map(str, error.errors) if isinstance(error, ConfigErrors) else [message]
    for each in told:
        click.echo(f"error: {visible(each)}", err=True)
    sys.exit(status)


def _usage(error: click.ClickException) -> str:
    """Click's complaint in our form: lower case, on one line, with the remedy behind."""
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"no such option {error.option_name}{near}"
    message = error.format_message().removesuffix(".")
    message = message[:1].lower() + message[1:].replace(". Did you mean", "; did you mean")
    context = getattr(error, "ctx", None)
    if context is None or ";" in message:
        return message
    return f"{message}; see {context.command_path} --help"


def _abandon_output() -> None:
    # Else the interpreter would try again, and complain, when it flushes at its end.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (held until the program ends)


class _Warnings(logging.Handler):
    """Says each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._said:
            self._said.add(message)
            click.echo(f"warning: {visible(message)}", err=True)


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """The library's warnings on standard error while the program runs."""
    handler = _Warnings()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
