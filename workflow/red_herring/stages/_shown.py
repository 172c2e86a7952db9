"""What the stages that show something have in common."""

from __future__ import annotations

from typing import Any

from red_herring.study.stage_settings import Showing


def known(settings: Showing) -> dict[str, Any]:
    """What tables, figures and pages read: all by its name."""
    return {name: value for name, value in vars(settings).items() if name != "more"} | settings.more
