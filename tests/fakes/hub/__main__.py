from __future__ import annotations

from tests.fakes.hub.cli import main

main()
