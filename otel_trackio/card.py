"""The README of a remote: what it is, and how to read it without us.

It is written once, when nobody knows yet which tables there will be. `events` stands first among
the configs since each run has some: `datasets` refuses all of them where the first has no files.
"""

from __future__ import annotations

from typing import Final

from otel_trackio import place
from otel_trackio.remote import DATASETS

_CARD: Final = """\
---
tags:
- otel-trackio
configs:
- config_name: events
  data_files: {root}/events/**/*.parquet
- config_name: points
  default: true
  data_files: {root}/points/**/*.parquet
- config_name: histograms
  data_files: {root}/histograms/**/*.parquet
- config_name: records
  data_files: {root}/records/**/*.parquet
---

# Training metrics

Every step of every run, as Parquet that anything reads. Recorded by otel-trackio, which brings the
runs back whole: `otel-trackio pull {here}`.

* `points`: a row is a value of a metric. `value` is its float64; of a whole number `integer`, or
  `digits` beyond 64 bits, is exact. Rows of a counter hold increments.
* `events`: a fact about a run, as JSON in `data`. Of `kind` `run` it is a name and a project; other
  kinds are `config`, `summary`, `state` and `delete`.
* `histograms`, and `records`: an alert, a table, an image, or what else is shown beside curves, as
  JSON in `data`. Images and large tables are files there: `{root}/files/<run>/<xx>/<name>`.

A table is here as soon as it has rows; `run` joins them. What has no step was recorded by time.

A row is one by (`writer`, `seq`), and may be here twice while files are merged. Where a run that
was resumed repeats steps, the last by (`attempt`, `writer`, `seq`) counts; of events, the last by
(`lamport`, `writer`, `seq`). To take the last, as below, settles both.
{access}
## DuckDB

Curves, with what their runs are called and were set to:

```sql
WITH runs AS (
    SELECT run,
        max_by(data->>'name', (lamport, writer, seq)) FILTER (kind = 'run') AS title,
        max_by(data->>'lr', (lamport, writer, seq)) FILTER (kind = 'config') AS lr
    FROM '{files}{root}/events/**/*.parquet'
    GROUP BY run
)
SELECT run, title, lr, rank, step, max_by(value, (attempt, writer, seq)) AS value
FROM '{files}{root}/points/**/*.parquet'
JOIN runs USING (run)
WHERE key = 'train/loss'
GROUP BY ALL ORDER BY ALL
```

## pandas

```python
import pandas as pd

points = pd.read_parquet("{base}{root}/points", filters=[("key", "==", "train/loss")])
points = points.sort_values(["attempt", "writer", "seq"])
points = points.drop_duplicates(["run", "rank", "step"], keep="last")
curves = points.pivot(index="step", columns=["run", "rank"], values="value")
```

## pyarrow

```python
import pyarrow.dataset as ds

points = ds.dataset("{base}{root}/points")
loss = points.to_table(
    ["run", "rank", "step", "value", "attempt", "writer", "seq"], ds.field("key") == "train/loss"
)
```

## datasets

```python
from datasets import load_dataset

points = load_dataset({points}, split="train", filters=[("key", "==", "train/loss")])
stream = load_dataset({events}, split="train", streaming=True)
```
"""

_TOKEN: Final = """
A private one takes a token, from `hf auth login` or `HF_TOKEN`; in DuckDB by
`CREATE SECRET (TYPE huggingface, PROVIDER credential_chain)`.
"""

_COPY: Final = """
A private one takes a token, from `hf auth login` or `HF_TOKEN`. DuckDB reads a copy of it:
`hf buckets sync {url} .`
"""


def card(url: str) -> bytes:
    """README.md for the remote of that url; a folder's is to be read from within it."""
    hub, dataset = url.startswith("hf://"), url.startswith(DATASETS)
    base = f"{url}/" if hub else ""
    return _CARD.format(
        root=place.ROOT,
        here=url if hub else ".",
        access=(_TOKEN if dataset else _COPY.format(url=url)) if hub else "",
        base=base,
        files=base if dataset else "",
        points=_loaded(url, base, "points"),
        events=_loaded(url, base, "events"),
    ).encode()


def _loaded(url: str, base: str, table: str) -> str:
    """What `load_dataset` is told.

    By the name of a folder or bucket it would give again what it read there the first time.
    """
    if url.startswith(DATASETS):
        return f'"{url.removeprefix(DATASETS)}", "{table}"'
    return f'"parquet", data_files="{base}{place.ROOT}/{table}/**/*.parquet"'
