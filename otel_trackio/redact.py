"""Keep secrets out of what is stored: by the name of a value, and by the look of a text."""

from __future__ import annotations

import re
from typing import Final

from otel_trackio.plain import Json, plain

REDACTED: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"passw(or)?d|passphrase|credential|authorization|bearer(_|$)|secret(s|_?key)?(_|$)"
    r"|(api|access|private|signing|encryption|ssh)_?keys?(_|$)"
)
_VOCABULARY: Final = re.compile(
    r"(^|_)(audio|begin|blank|bos|class|cls|delimiter|end|eos|fim|first|image|last|mask|middle"
    r"|newline|next|pad|padding|patch|per|prefix|prompt|sep|separator|special|start|stop|suffix"
    r"|think|unk|unknown|video|vision)_"
)
"""What names a token that a language model reads, such as `pad_token`: no secret."""

_SECRET_TEXT: Final = re.compile(
    r"(?<![A-Za-z0-9])("
    r"hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"  # GitHub, GitLab
    r"|(?<!-)sk-[\w-]{20,}"  # OpenAI, Anthropic
    r"|A[KS]IA[A-Z0-9]{16}|AIza[\w-]{35}"  # AWS, Google
    r"|xox[a-z]-[\w-]{10,}"  # Slack
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"  # JSON web token
    r"|(?<=Bearer )[\w.~+/=-]{16,}"
    r")|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*-----|\Z)"
)
_URL_PASSWORD: Final = re.compile(r"(\w://[^\s/:@]*:)[^\s/@]+(?=@)")
_ASSIGNED: Final = re.compile(r"""(?<![\w-])([\w-]+)(=['"]?|['"]: ?['"])([^\s'"&,;)]+)""")


def redact(config: object) -> dict[str, Json]:
    """A plain copy of `config` with "[redacted]" in place of everything that looks secret.

    `config` is a mapping, or an object that `plain` makes one of; what is neither is returned
    under the name `config`. Never raises.
    """
    copy = plain(config)
    copy = copy if isinstance(copy, dict) else {"config": copy}
    return {name: _redacted(name, value) for name, value in copy.items()}


def _redacted(name: str, value: Json) -> Json:
    """`value`, which is called `name` (an item of a list is called as the list is)."""
    if _is_secret(name, value):
        return REDACTED
    if isinstance(value, dict):
        return {key: _redacted(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(name, item) for item in value]
    return _scrubbed(value) if isinstance(value, str) else value


def _is_secret(name: str, value: Json) -> bool:
    if value is None or value == "" or isinstance(value, bool):
        return False  # Whether one was given may be known.
    name = "_".join(re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)).lower()
    if _SECRET_NAME.search(name):
        return True
    if not f"_{name}".endswith("_token") or not isinstance(value, str):
        return False  # `tokenizer`, `max_tokens`, `token_count`, `token: 3`
    return not (_VOCABULARY.search(name) or re.fullmatch(r"<.*>|\[.*\]", value))


def _scrubbed(text: str) -> str:
    def assigned(match: re.Match[str]) -> str:
        name, between, value = match.groups()
        return f"{name}{between}{REDACTED}" if _is_secret(name, value) else match[0]

    text = _SECRET_TEXT.sub(REDACTED, text)
    text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    return _ASSIGNED.sub(assigned, text)
