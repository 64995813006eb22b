from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.redact import REDACTED, redact

# Put together here, so that no scanner takes this file for a leak.
HF_TOKEN = "hf_" + "aB3" * 12
SECRETS = [
    HF_TOKEN,
    "sk-" + "proj-a1B2c3D4e5F6g7H8i9J0",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "11AB_" * 8,
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "xoxb" + "-123456789012-abcdef",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize(
    "name",
    [
        *("token", "hf_token", "hubToken", "HF_TOKEN", "push_to_hub_token", "X-Auth-Token"),
        *("password", "dbPassword", "PASSWD", "ssh_passphrase", "secret", "clientsecret"),
        *("api_key", "apikey", "OpenAI-API-Key", "apiKeys", "AWS_SECRET_ACCESS_KEY", "private.key"),
        *("credentials", "Authorization", "bearer", "session_token", "user_access_token"),
    ],
)
def test_values_under_secret_names_are_redacted(name: str) -> None:
    """However the name is spelled, and whether the value is one text or many."""
    assert redact({name: "value"}) == {name: REDACTED}
    assert redact({"a": [{name: "value"}]}) == {"a": [{name: REDACTED}]}
    assert "value" not in json.dumps(redact({name: ["value"]}))


@pytest.mark.parametrize(
    "config",
    [
        {"tokenizer": "gpt2", "tokenizer_name": "gpt2", "TokenizerFast": "x"},
        {"num_tokens": 10, "max_tokens": "4096", "token_count": 3, "token": 5, "tokens": ["a"]},
        {"pad_token": "!", "eos_token": "</s>", "imageToken": "x", "pad_token_id": 0},
        {"boi_token": "<start_of_image>", "my_token": "[CUSTOM]"},
        {"token_type": "word", "token_dtype": "uint16", "tokens_per_second": 3.5},
        {"monkey": "a", "key": "b", "sort_key": "c", "key_size": 64, "keypoints": 17},
        {"insulin_secretion": 0.3, "secretary": "d", "bearing": 2, "author": "e"},
        {"token": None, "password": "", "use_auth_token": True},
        {"model": "sk-learn", "url": "https://example.org:8080/a@b", "disk": "task-" + "a" * 30},
        {"note": "mail me@example.org; the secret: be kind", "args": "--max_tokens=5"},
    ],
    ids=lambda config: next(iter(config)),
)
def test_ordinary_values_are_kept(config: dict[str, object]) -> None:
    """Words that only resemble secrets, special tokens, and the absence of a secret are shown."""
    assert redact(config) == config


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:4])
@pytest.mark.parametrize("place", ["{}", "run with {} now", "({})", "_{}"])
def test_secrets_are_recognised_wherever_they_stand(secret: str, place: str) -> None:
    """Under any name, within any text; the rest of the text is kept."""
    text = place.format(secret)
    assert redact({"a": {"b": [text]}}) == {"a": {"b": [place.format(REDACTED)]}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://me:hunter2@db/runs", "postgres://me:[redacted]@db/runs"),
        ("train.py --hub_token=abc --lr=1", "train.py --hub_token=[redacted] --lr=1"),
        ("https://x.org/?a=1&api_key=abc&b=2", "https://x.org/?a=1&api_key=[redacted]&b=2"),
        ("Client(url='x', password='abc')", "Client(url='x', password='[redacted]')"),
        ('{"apiKey": "abc", "lr": 1}', '{"apiKey": "[redacted]", "lr": 1}'),
        ("Authorization: Bearer " + "a1" * 10, "Authorization: Bearer [redacted]"),
    ],
)
def test_secrets_are_recognised_by_what_is_around_them(text: str, expected: str) -> None:
    """Passwords of URLs, and what a text assigns to a secret name."""
    assert redact({"a": text}) == {"a": expected}


@dataclass
class Arguments:
    hub_token: str
    lr: float = 0.1


def test_objects_are_looked_into() -> None:
    """Dataclasses and namespaces hide no secret, inside a config or in place of one."""
    arguments = Arguments("abc")
    assert redact({"args": arguments}) == {"args": {"hub_token": REDACTED, "lr": 0.1}}
    assert redact(Namespace(token="abc", lr=0.1)) == {"token": REDACTED, "lr": 0.1}
    assert redact([HF_TOKEN]) == {"config": [REDACTED]}
    assert arguments.hub_token == "abc"


names = st.sampled_from(["token", "lr", "password", "eos_token"]) | st.text(max_size=5)
texts = st.sampled_from([*SECRETS, "a://b:c@d", "x --token=x", "api_key='y'"]) | st.text()
configs = st.dictionaries(names, texts | st.integers() | st.lists(texts), max_size=5)


@given(st.dictionaries(names, configs, max_size=3))
def test_redacting_again_changes_nothing(config: dict[str, object]) -> None:
    """A config that is read and stored again stays as it is, and no secret is left in it."""
    once = redact(config)
    assert redact(once) == once
    assert HF_TOKEN not in json.dumps(once)
