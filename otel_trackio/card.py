"""The README of a remote: what it is, and how to read it without us."""

from __future__ import annotations

from typing import Final

from otel_trackio import place

_CARD: Final = """\
---
tags:
- otel-trackio
configs:
- config_name: points
  default: true
  data_files: {root}/points/**/*.parquet
- config_name: events
  data_files: {root}/events/**/*.parquet
- config_name: histograms
  data_files: {root}/histograms/**/*.parquet
- config_name: records
  data_files: {root}/records/**/*.parquet
---

# Training metrics

Recorded by otel-trackio: every step of every run, as Parquet.

* `points` has a row a value. `run`, `key`, `step` and `time` say whose and when; `value` is its
  float64, `integer` or `digits` the exact integer where it is one. Counters hold increments.
* `events` are facts about runs: name, project, config, state. Later ones win, by (`lamport`,
  `writer`, `seq`).
* `histograms` and `records` (alerts, tables) hold JSON.

A row is identified by (`writer`, `seq`). Where steps repeat, the last by (`attempt`, `writer`,
`seq`) counts.

With DuckDB, from a copy of this repository or by `hf://datasets/{name}/`:

```sql
SELECT p.run, p.step, p.value
FROM '{root}/points/**/*.parquet' p
WHERE p.key = 'train/loss' ORDER BY p.run, p.step
```

Names of runs:

```sql
SELECT run, data->>'project' AS project, data->>'name' AS name
FROM '{root}/events/**/*.parquet' WHERE kind = 'run' ORDER BY lamport, writer, seq
```

Back into a directory of runs: `otel-trackio pull {url}`.
"""


def card(url: str) -> bytes:
    """README.md for the remote of that url."""
    name = url.removeprefix("hf://datasets/")
    return _CARD.format(root=place.ROOT, url=url, name=name).encode()
