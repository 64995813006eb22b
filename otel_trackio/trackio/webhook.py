"""Tells alerts to a webhook: Slack's, Discord's, or one that takes plain JSON.

The process that trains sends them itself, for there may be no dashboard that could: a rule of a
dashboard has its own webhooks. Nobody waits for it, and no word of the address is logged but its
host.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, Final, SupportsIndex
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from otel_trackio.diagnostics import logger
from otel_trackio.threads import started
from otel_trackio.trackio.levels import RANKS, AlertLevel, level_of

ANSWER_SECONDS: Final = 10.0
"""How long an answer is waited for."""

CLOSE_SECONDS: Final = 2.0
"""How long the end of a run waits for messages that are under way."""

MOST_WAITING: Final = 20
"""Messages that are under way at once; more are not sent, which is said."""


PLAIN_VARIABLE: Final = "OTEL_TRACKIO_WEBHOOK_HTTP"
"""Set to 1, it allows http:// to other machines, here as for a dashboard's rules."""

HERE: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Hook:
    """An address, and the least level that is told to it."""

    url: str
    least: AlertLevel = AlertLevel.INFO


@dataclass(frozen=True, slots=True)
class Told:
    """An alert of a run."""

    level: AlertLevel
    title: str
    text: str | None
    project: str
    run: str
    step: SupportsIndex | None


def hook(url: str | None, least: AlertLevel | str | None) -> Hook | None:
    """The webhook of a run, from what is given or else from the environment."""
    url = url or os.environ.get("TRACKIO_WEBHOOK_URL")
    least = least or os.environ.get("TRACKIO_WEBHOOK_MIN_LEVEL") or AlertLevel.INFO
    level = level_of(least)
    if level is None:
        logger.warning("webhook_min_level %r is none of info, warn and error: all are told", least)
    return Hook(url, level or AlertLevel.INFO) if url else None


class Messages:
    """Messages that are under way. Any thread may send one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._at_exit = False

    def tell(self, hook: Hook | None, told: Told) -> None:
        """Begins to send an alert, where it is grave enough."""
        if hook is None or RANKS[told.level] < RANKS[hook.least]:
            return
        if not self._at_exit:
            self._at_exit = True
            atexit.register(self.close)
        thread = threading.Thread(target=self._send, args=(hook.url, told), daemon=True)
        with self._lock:
            full = len(self._threads) >= MOST_WAITING
            if not full:
                self._threads.add(thread)
        if full or not started(thread):
            self._forget(thread)
            logger.warning("alert %r was not told to the webhook: too many wait", told.title)

    def close(self) -> None:
        """Waits a little for what is under way."""
        with self._lock:
            waiting = list(self._threads)
        for each in waiting:
            with suppress(RuntimeError):  # It was not started yet.
                each.join(CLOSE_SECONDS / len(waiting))

    def _send(self, url: str, told: Told) -> None:
        why = ""
        try:
            if is_address(url):
                post(url, told)
            else:
                why = "it is no address that begins with https://"
        except (OSError, HTTPException, ValueError) as error:
            why = type(error).__name__  # Its words may hold the address, which is a secret.
        finally:
            if why:
                host = _host(url) or "the webhook"
                logger.warning("alert %r was not told to %s: %s", told.title, host, why)
            self._forget(threading.current_thread())

    def _forget(self, thread: threading.Thread) -> None:
        with self._lock:
            self._threads.discard(thread)


def is_address(url: str) -> bool:
    """Whether something may be sent there; in the clear only to this machine, unless allowed."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return False
    clear = _host(url) in HERE or os.environ.get(PLAIN_VARIABLE) == "1"
    return bool(_host(url)) and (scheme == "https" or (scheme == "http" and clear))


def post(url: str, told: Told) -> None:
    """Sends an alert. Raises what sending raises."""
    body = json.dumps(message(_host(url), told)).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=ANSWER_SECONDS) as answer:
        answer.read(1)


def message(host: str, told: Told) -> dict[str, Any]:
    """In the form that the host takes."""
    where = f"{told.project}/{told.run}"
    at = None if told.step is None else int(told.step)
    place = where if at is None else f"{where}, step {at}"
    title, text = f"[{told.level.value}] {told.title}", told.text
    if host == "hooks.slack.com":
        lines = [f"*{_inert(title)}*", _inert(text or ""), _inert(place)]
        return {"text": "\n".join(filter(None, lines))}
    if host in ("discord.com", "discordapp.com"):
        lines = [f"**{title}**", text or "", place]
        return {
            "content": "\n".join(filter(None, lines))[:2000],
            "allowed_mentions": {"parse": []},
        }
    return {
        "level": told.level.value,
        "title": told.title,
        "text": told.text,
        "project": told.project,
        "run": told.run,
        "step": at,
        "timestamp": datetime.now(UTC).isoformat(),
    }


def _inert(text: str) -> str:
    """As Slack asks for it; then no name of a run can call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _host(url: str) -> str:
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


messages: Final = Messages()
