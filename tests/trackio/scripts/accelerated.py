"""A loop of one's own with accelerate, whose tracker is Trackio's."""

# isort: off
import otel_trackio.trackio as trackio
from accelerate import Accelerator  # It looks for trackio now.

accelerator = Accelerator(log_with="trackio", cpu=True)
accelerator.init_trackers(
    "loops", config={"lr": 0.1}, init_kwargs={"trackio": {"name": "mine", "group": "g"}}
)
for step in range(3):
    accelerator.log({"loss": 1 / (step + 1)}, step=step)
assert accelerator.get_tracker("trackio").run is trackio.context_vars.current_run.get()
accelerator.end_training()
