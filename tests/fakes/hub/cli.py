"""`python -m tests.fakes.hub`: prints what a client must be told, then serves until it is ended."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import uvicorn

from tests.fakes.hub.routes import open_hub
from tests.fakes.hub.state import Account


@click.command()
@click.option("--port", default=0, help="0, the default, takes a free one.")
@click.option("--root", type=click.Path(path_type=Path), help="What to keep; else all is lost.")
@click.option("--mode", type=click.Choice(["regular", "lfs", "xet"]), default="xet")
@click.option("--page", default=1000, help="Entries of a folder in one answer.")
@click.option("--user", default="alice", help="Whose token, with which one may write, to print.")
def main(port: int, root: Path | None, mode: str, page: int, user: str) -> None:
    """A stand-in for the Hugging Face Hub, on this machine only."""
    with ExitStack() as stack:
        root = root or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.mkdir(parents=True, exist_ok=True)
        hub = open_hub(root.absolute(), mode, page)
        config = uvicorn.Config(hub.gate, http="h11", log_level="error")
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        hub.gate.connections = server.server_state.connections
        with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
            # Else each answer waits 40 ms for the acknowledgement of its headers.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            account = Account(user)
            hub.site.world.welcome(account)
            click.echo(f"HF_ENDPOINT=http://127.0.0.1:{listening.getsockname()[1]}")
            click.echo(f"HF_TOKEN={account.token}")
            if mode != "xet":
                click.echo("HF_HUB_DISABLE_XET=1")
            server.run(sockets=[listening])
