# /// script
# requires-python = ">=3.11"
# dependencies = ["otel-trackio", "torch", "trl"]
#
# [tool.hf-jobs]
# timeout = "1h"
# secrets = ["HF_TOKEN"]
# env = { OTEL_TRACKIO_DEADLINE = "1h" }
# ///
"""Teaches a small language model to chat, with TRL, and logs it as a script for Trackio does."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import otel_trackio.trackio as trackio  # isort: skip (before trl, which looks for it)

import torch
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="Qwen/Qwen3-0.6B")
    parser.add_argument("--dataset", default="trl-lib/Capybara")
    parser.add_argument("--lr", type=float, default=2e-5)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--group", help="what to compare this run with")
    options = parser.parse_args()
    trackio.init(
        project="capybara",
        name=f"sft-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        group=options.group,
        space_id="trackio",
        config={"model": options.model, "dataset": options.dataset},
    )
    trainer = SFTTrainer(
        model=options.model,
        args=SFTConfig(
            output_dir="trained",
            learning_rate=options.lr,
            max_steps=options.steps,
            logging_steps=5,
            bf16=torch.cuda.is_available(),
            report_to="trackio",
        ),
        train_dataset=load_dataset(options.dataset, split="train"),
    )
    trainer.train()
    trackio.finish()


if __name__ == "__main__":
    main()
