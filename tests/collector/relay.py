"""A server between an exporter and another one, which does to requests what a test says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx


@dataclass
class Answer:
    """Instead of passing a request on."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


LOSE_ANSWER = "lose answer"
"""The request is passed on, and the connection closed before an answer."""


class Relay:
    """`plan` is what is done to the next requests, in turn; all others go on to `target`."""

    def __init__(self, target: str = "") -> None:
        self.plan: list[Answer | str] = []
        self.seen: list[dict[str, str]] = []
        self._target = target
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/api/v1/write"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                relay.seen.append({key.lower(): value for key, value in self.headers.items()})
                todo = relay.plan.pop(0) if relay.plan else None
                if isinstance(todo, Answer):
                    return self.answer(todo)
                answer = relay._passed_on(body, dict(self.headers))
                if todo == LOSE_ANSWER:
                    self.close_connection = True
                    self.connection.close()
                    return None
                return self.answer(answer)

            def answer(self, answer: Answer) -> None:
                content = answer.text.encode()
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                if answer.status != 204:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                if answer.status != 204:
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _passed_on(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        kept = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length")}
        answer = httpx.post(self._target, content=body, headers=kept, trust_env=False, timeout=60)
        return Answer(answer.status_code, answer.text)
