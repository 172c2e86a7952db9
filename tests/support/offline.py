"""A page that a real browser opens from a file: nothing may be complained of, and nothing asked of the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def open_anew(browser: Any, file: Path) -> None:
    """With logs that hold nothing of what was open before."""
    browser.get("about:blank")
    browser.set_window_size(1280, 900)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(file.as_uri())


def check_kept_to_itself(browser: Any) -> None:
    assert browser.get_log("browser") == []
    assert set(asked_for(browser)) <= {"file", "data", "about", "blob"}


def asked_for(browser: Any) -> list[str]:
    """The scheme of all that was requested."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"].split(":")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def settle(browser: Any) -> None:
    """Until the page has drawn all that it shows."""
    WebDriverWait(browser, 10, 0.02).until(
        lambda _: browser.find_element(By.ID, "main").get_attribute("aria-busy") == "false"
    )
