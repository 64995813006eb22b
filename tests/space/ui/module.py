"""The page's modules that know no DOM, called from Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from playwright._impl._driver import compute_driver_executable

UI: Final = Path(__file__).parents[3] / "space" / "otel_trackio_space" / "ui"

NODE: Final = compute_driver_executable()[0]
"""The one that Playwright brings, so that tests need no other."""

PROGRAM: Final = """
import { readFileSync } from "node:fs";
const [path, expression, given] = JSON.parse(readFileSync(0, "utf8"));
const module = await import(path);
const result = await new Function("m", "given", `return (${expression})`)(module, given);
process.stdout.write(JSON.stringify(result ?? null));
"""


def evaluate(module: str, expression: str, given: Any = None) -> Any:
    """What a JavaScript expression over the module `m` and `given` is; both as JSON."""
    asked = json.dumps([(UI / module).as_uri(), expression, given])
    command = [str(NODE), "--input-type=module", "--eval", PROGRAM]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
