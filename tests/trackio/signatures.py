"""Trackio's calls, as its version 0.43.0 has them: what its users write must be taken here."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "Audio",
    "Classes",
    "Config",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "JoinedTable",
    "Markdown",
    "Molecule",
    "Object3D",
    "Plotly",
    "ReferenceHandler",
    "ResolvedReference",
    "Settings",
    "TRACKIO_LOGO_DIR",
    "Table",
    "Trace",
    "Video",
    "alert",
    "delete_project",
    "finish",
    "freeze",
    "import_csv",
    "import_tf_events",
    "init",
    "log",
    "log_artifact",
    "log_cpu",
    "log_gpu",
    "log_system",
    "register_reference_handler",
    "save",
    "show",
    "sync",
    "use_artifact",
)
"""What `from trackio import *` gives."""

CALLS: Final = """
init(project, name=None, group=None, space_id=None, server_url=None, dataset_id=None,
    bucket_id=None, config=None, resume='never', settings=None, private=None, embed=True,
    auto_log_gpu=None, gpu_log_interval=10.0, auto_log_cpu=None, cpu_log_interval=10.0,
    webhook_url=None, webhook_min_level=None)
log(metrics, step=None)
log_system(metrics)
log_gpu(run=None, device=None)
log_cpu(run=None)
finish()
alert(title, text=None, level='warn', webhook_url=None)
show(project=None, *, dashboard=None, theme=None, mcp_server=None, footer=True,
    color_palette=None, open_browser=True, block_thread=None, host=None, share=None,
    server_port=None, frontend_dir=None)
sync(project, space_id=None, private=None, force=False, run_in_background=False, sdk='gradio',
    dataset_id=None, bucket_id=None, frontend_dir=None)
freeze(space_id, project, new_space_id=None, private=None, bucket_id=None, frontend_dir=None)
delete_project(project, force=False)
save(glob_str, project=None)
import_csv(csv_path, project, name=None, space_id=None, dataset_id=None, private=None,
    force=False)
import_tf_events(log_dir, project, name=None, space_id=None, dataset_id=None, private=None,
    force=False)
log_artifact(artifact_or_path, name=None, type=None, aliases=None, overwrite=False)
use_artifact(artifact_or_name, type=None)
register_reference_handler(handler)
Table(columns=None, data=None, dataframe=None, rows=None, optional=True,
    allow_mixed_types=False, log_mode='IMMUTABLE')
Image(value, caption=None)
Markdown(text='')
Trace(messages, metadata=None, spans=None)
Histogram(sequence=None, np_histogram=None, num_bins=64)
Run.log(metrics, step=None)
Run.log_system(metrics)
Run.alert(title, text=None, level='warn', step=None, webhook_url=None)
Run.finish()
Run.log_artifact(artifact_or_path, name=None, type=None, aliases=None, overwrite=False)
Run.use_artifact(artifact_or_name, type=None)
Run.link_artifact(artifact, target_path, aliases=None, bucket_id=None)
Api.runs(project)
Api.alerts(project, run=None, level=None, since=None)
Api.registry(name, bucket_id=None)
Api.create_registry(name, description=None, bucket_id=None)
api.Run.alerts(level=None, since=None)
api.Run.delete()
api.Run.move(new_project)
api.Run.rename(new_name)
"""
"""Parameters and their defaults, without types; a class stands for how it is made."""
