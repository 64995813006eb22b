"""Runs that were recorded here alone are synced later; one is recorded meanwhile."""

import otel_trackio.trackio as trackio

for project, name in (("p", "one"), ("p", "two"), ("q", "other")):
    trackio.init(project=project, name=name)
    trackio.log({"loss": 0.5}, step=1)
    trackio.finish()

live = trackio.init(project="p", name="live")
trackio.log({"loss": 0.25}, step=2)
assert trackio.sync("p", space_id="alice/later") == "alice/later"
assert live._space_id == "alice/later"
trackio.log({"loss": 0.125}, step=3)
trackio.finish()

trackio.init(project="p", name="meant", space_id="alice/frozen")
trackio.log({"loss": 0.5}, step=1)
trackio.finish()
assert trackio.freeze("alice/frozen", "p", new_space_id="alice/static") == "alice/frozen"
assert trackio.sync("q", bucket_id="alice/bucket") == "hf://buckets/alice/bucket"
