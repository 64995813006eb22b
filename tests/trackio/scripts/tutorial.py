"""A script written for Trackio, with the one edit in its imports, and tiny trainers."""

# isort: off
import json
import sys
from pathlib import Path

import otel_trackio.trackio as trackio
from tests.trainer import tiny  # Imports trl, which looks for trackio now.

out = Path(sys.argv[1])
trackio.init(
    project="my-training", name="baseline", space_id="alice/curves", config={"dataset": "tiny"}
)
trainer = tiny.sft(out / "sft", report_to="trackio", eval_strategy="steps", eval_steps=2)
trainer.train()
evaluated = trainer.evaluate()
predicted = trainer.predict(trainer.eval_dataset).metrics
trackio.finish()

online = tiny.grpo(out / "grpo", report_to="trackio", log_completions=True, project="rewards")
online.train()
online.evaluate()
again = tiny.sft(out / "again", report_to="trackio", project="rewards", run_name="second")
again.train()
again.callback_handler.on_push_begin(again.args, again.state, again.control)

trackio.init(project="late")
late = tiny.sft(out / "late", report_to="trackio", trackio_space_id="alice/late")
late.train()
assert trackio.context_vars.current_space_id.get() == "alice/late"
trackio.finish()

told = {
    "sft": trainer.state.log_history,
    "grpo": online.state.log_history,
    "late": late.state.log_history,
    "again": again.state.log_history,
    "predicted": predicted,
    "tags": again.model.model_tags,
}
(out / "history.json").write_text(json.dumps(told))
