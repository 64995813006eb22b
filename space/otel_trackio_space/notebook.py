"""The dashboard below the cell of a notebook: Jupyter, or Colab, whose kernel is far away."""

from __future__ import annotations

import sys
from typing import Any, Final

HEIGHT: Final = 800
"""Pixels of the frame."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which shows more than text."""
    interactive = sys.modules.get("IPython")
    shell: Any = interactive and interactive.get_ipython()
    return hasattr(shell, "kernel")


def in_colab() -> bool:
    """Whether that notebook is one of Colab."""
    return "google.colab" in sys.modules


def embed(url: str, port: int, query: str) -> None:
    """Shows a page of this machine in a frame below the cell."""
    if in_colab():
        from google.colab import output

        output.serve_kernel_port_as_iframe(port, path=f"/?{query}", height=str(HEIGHT))
        return
    from IPython.display import IFrame, display

    display(IFrame(url, width="100%", height=HEIGHT))
