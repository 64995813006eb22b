"""Trainers that learn nothing much, quickly: models and tokenizers made in the process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
import transformers
import trl
from datasets import Dataset

CHAT: Final = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
SPECIAL: Final = ["<pad>", "<unk>", "<|end|>", "<|user|>", "<|assistant|>"]
ROWS: Final = 32


@cache
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(vocab_size=256, special_tokens=SPECIAL)
    words.train_from_iterator([_text(number) for number in range(60)], trainer)
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<|end|>",
        model_input_names=["input_ids", "attention_mask"],
    )
    made.chat_template = CHAT
    return made


def _text(number: int) -> str:
    return f"the cat {number} sat on mat {number % 7} and asked what {number} plus {number % 5} is"


def model(labels: int = 0) -> Any:
    """The same tiny Qwen each time; with `labels` it classifies."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    words = tokenizer()
    config = transformers.Qwen2Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
        pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    if labels:
        config.num_labels = labels
        return transformers.Qwen2ForSequenceClassification(config)
    return transformers.Qwen2ForCausalLM(config)


def settings(out: Path, **more: Any) -> dict[str, Any]:
    """Arguments that suit every trainer: four steps on the CPU, two of them to a log."""
    return {
        "output_dir": str(out),
        "report_to": "none",
        "max_steps": 4,
        "logging_steps": 2,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "bf16": False,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "seed": 7,
        **more,
    }


def sft_data() -> Any:
    return Dataset.from_dict({"text": [_text(number) for number in range(ROWS)]})


def sft(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    texts = sft_data()
    return trl.SFTTrainer(
        model=model(),
        args=trl.SFTConfig(**settings(out, max_length=32, **more)),
        train_dataset=texts,
        eval_dataset=texts.select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def plain(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    words = tokenizer()
    rows = [{**words(_text(n), padding="max_length", max_length=24)} for n in range(ROWS)]
    for row in rows:
        row["labels"] = row["input_ids"]
    data = Dataset.from_list(rows)
    return transformers.Trainer(
        model=model(),
        args=transformers.TrainingArguments(**settings(out, **more)),
        train_dataset=data,
        eval_dataset=data.select(range(8)),
        callbacks=callbacks,
    )


def pairs() -> Any:
    return Dataset.from_list(
        [
            {"prompt": _text(n), "chosen": f" cat {n % 5}", "rejected": f" mat {n % 7}"}
            for n in range(ROWS)
        ]
    )


def dpo(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    return trl.DPOTrainer(
        model=model(),
        ref_model=model(),
        args=trl.DPOConfig(**settings(out, max_length=48, **more)),
        train_dataset=pairs(),
        eval_dataset=pairs().select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def orpo(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    """One of those that TRL calls experimental now."""
    try:
        from trl.experimental.orpo import ORPOConfig, ORPOTrainer
    except ImportError:  # Before TRL 0.26
        from trl import ORPOConfig, ORPOTrainer

    return ORPOTrainer(
        model=model(),
        args=ORPOConfig(**settings(out, max_length=48, **more)),
        train_dataset=pairs(),
        eval_dataset=pairs().select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def kto(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    rows = Dataset.from_list(
        [
            {"prompt": _text(n), "completion": f" cat {n % 5}", "label": n % 2 == 0}
            for n in range(ROWS)
        ]
    )
    return trl.KTOTrainer(
        model=model(),
        ref_model=model(),
        args=trl.KTOConfig(**settings(out, max_length=48, **more)),
        train_dataset=rows,
        eval_dataset=rows.select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def reward(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    rows = Dataset.from_list(
        [{"chosen": f"{_text(n)} cat", "rejected": f"{_text(n)} mat {n}"} for n in range(ROWS)]
    )
    return trl.RewardTrainer(
        model=model(labels=1),
        args=trl.RewardConfig(**settings(out, max_length=48, **more)),
        train_dataset=rows,
        eval_dataset=rows.select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def short(completions: list[str], **_: Any) -> list[float]:
    """A reward: the fewer characters, the better."""
    return [-len(text) / 100 for text in completions]


def _online(kind: Any, config: Any, out: Path, callbacks: list[Any] | None, more: Any) -> Any:
    prompts = Dataset.from_dict({"prompt": [f"the cat {n} sat" for n in range(ROWS)]})
    base = out.with_name(f"{out.name}-base")
    model().save_pretrained(base)
    given = settings(
        out, max_completion_length=8, num_generations=2, beta=0.1, temperature=1.0, **more
    )
    return kind(
        model=str(base),
        reward_funcs=[short],
        args=config(**given),
        train_dataset=prompts,
        eval_dataset=prompts.select(range(8)),
        processing_class=tokenizer(),
        callbacks=callbacks,
    )


def grpo(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    return _online(trl.GRPOTrainer, trl.GRPOConfig, out, callbacks, more)


def rloo(out: Path, callbacks: list[Any] | None = None, **more: Any) -> Any:
    return _online(trl.RLOOTrainer, trl.RLOOConfig, out, callbacks, more)


class At(transformers.TrainerCallback):  # type: ignore[misc]
    """A callback of the user's, which does something at a step."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self._step, self._act = step, act

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self._step:
            self._act()


def raising(error: BaseException, step: int = 3) -> At:
    """A callback that raises at a step."""

    def act() -> None:
        raise error

    return At(step, act)


TRAINERS: Final[dict[str, Callable[..., Any]]] = {
    each.__name__: each for each in (sft, dpo, orpo, kto, reward, grpo, rloo, plain)
}
