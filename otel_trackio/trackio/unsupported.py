"""What Trackio has and this has not: one clear error each, which names what does the same."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from otel_trackio.errors import OtelTrackioError


class Unsupported(OtelTrackioError, NotImplementedError):
    """It is no part of this; the hint says what to do instead."""


IMAGES: Final = "log its frames or renderings as trackio.Image, and keep the file itself on the Hub"

PAGES: Final = "log a trackio.Markdown, a trackio.Table, or a picture of it as trackio.Image"

FILES: Final = (
    "keep files on the Hub, with huggingface_hub.upload_folder or push_to_hub, and put their name"
    " and revision into trackio.config"
)

NUMBERS: Final = "log numbers, a trackio.Table or a trackio.Histogram"


def refuse(name: str, instead: str) -> NoReturn:
    """Raises Unsupported."""
    raise Unsupported(f"otel-trackio has no trackio.{name}", instead)


def absent(name: str, instead: str) -> type[Any]:
    """A class that cannot be made; naming it, in an isinstance() say, is no error."""

    def refuse_to_be(self: object, *args: Any, **kwargs: Any) -> None:
        refuse(name, instead)

    return type(name, (), {"__init__": refuse_to_be, "__doc__": f"Not here: {instead}."})


Audio: Final = absent("Audio", "log a spectrogram of it as trackio.Image, and keep the file itself")
Video: Final = absent("Video", IMAGES)
Object3D: Final = absent("Object3D", IMAGES)
Html: Final = absent("Html", PAGES)
Plotly: Final = absent("Plotly", PAGES)
Artifact: Final = absent("Artifact", FILES)
ArtifactTTL: Final = absent("ArtifactTTL", FILES)
Registry: Final = absent("Registry", FILES)
Collection: Final = absent("Collection", FILES)
ReferenceHandler: Final = absent("ReferenceHandler", FILES)
ResolvedReference: Final = absent("ResolvedReference", FILES)
Classes: Final = absent("Classes", NUMBERS)
EvalTable: Final = absent("EvalTable", "log a trackio.Table")
JoinedTable: Final = absent("JoinedTable", "log a trackio.Table")
Graph: Final = absent("Graph", NUMBERS)
Molecule: Final = absent("Molecule", IMAGES)
Config: Final = absent("Config", "use trackio.config, or a dict")
Settings: Final = absent("Settings", "see the table of settings: `otel-trackio doctor` shows them")


def log_artifact(
    artifact_or_path: Any,
    name: str | None = None,
    type: str | None = None,
    aliases: list[str] | None = None,
    overwrite: bool = False,
) -> NoReturn:
    """Raises Unsupported."""
    refuse("log_artifact", FILES)


def use_artifact(artifact_or_name: Any, type: str | None = None) -> NoReturn:
    """Raises Unsupported."""
    refuse("use_artifact", FILES)


def register_reference_handler(handler: Any) -> NoReturn:
    """Raises Unsupported."""
    refuse("register_reference_handler", FILES)


class Artifacts:
    """The methods of a run that have to do with artifacts: none of them is here."""

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: list[str] | None = None,
        overwrite: bool = False,
    ) -> NoReturn:
        """Raises Unsupported."""
        refuse("Run.log_artifact", FILES)

    def use_artifact(self, artifact_or_name: Any, type: str | None = None) -> NoReturn:
        """Raises Unsupported."""
        refuse("Run.use_artifact", FILES)

    def link_artifact(
        self,
        artifact: Any,
        target_path: str,
        aliases: list[str] | None = None,
        bucket_id: str | None = None,
    ) -> NoReturn:
        """Raises Unsupported."""
        refuse("Run.link_artifact", FILES)
