"""What a webhook calls: a server in a thread, which answers as its test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Receiver:
    """`got` is what came, as JSON. `answers` are statuses, the last one for all that follow.

    `wait` is called before each answer.
    """

    def __init__(self, *answers: int, wait: Callable[[], object] = int) -> None:
        self.got: list[Any] = []
        self.paths: list[str] = []
        self._answers = list(answers or (200,))
        self._wait = wait
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/services/T0/B0/a-secret"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.paths.append(self.path)
                receiver.got.append(json.loads(body))
                receiver._wait()
                answers = receiver._answers
                self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
