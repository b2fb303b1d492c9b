"""A real browser without a window, for the tests that need one.

Lives here: `Browser`, which starts Chromium and speaks its DevTools protocol through two pipes, so
that nothing else has to be installed.
Must not know: what the pages are.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Browser:
    """One page in a browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb", 0)
        self._answers = os.fdopen(answers, "rb")
        self._number = 0
        self._session: str | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=10_000)
        #: The URLs that the page has asked for.
        self.asked: list[str] = []
        #: What the browser has complained of: errors of scripts, violations of policies.
        self.complaints: list[str] = []
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")

    def close(self) -> None:
        self._commands.close()
        self._answers.close()

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        while (message := self._read()).get("id") != self._number:
            self._events.append(message)
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def _read(self) -> dict[str, Any]:
        data = b""
        while not data.endswith(b"\0"):
            byte = self._answers.read(1)
            assert byte, "The browser has ended."
            data += byte
        message: dict[str, Any] = json.loads(data[:-1])
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(message["params"]["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))
        return message

    def wait_for(self, event: str) -> None:
        """Wait for an event that has not been waited for yet."""
        while True:
            message = self._events.popleft() if self._events else self._read()
            if message.get("method") == event:
                return

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self._events.clear()
        self.tell("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.tell(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; looks again whenever the page changes."""
        self.run(
            "new Promise((resolve) => {"
            f"  const look = () => ({condition}) && (watch.disconnect(), resolve());"
            "  const watch = new MutationObserver(look);"
            "  watch.observe(document, {subtree: true, childList: true, attributes: true,"
            "                           characterData: true});"
            "  look();"
            "})"
        )

    def type(self, text: str) -> None:
        """Type where the focus is; line ends and tabs are keys."""
        for character in text:
            key = {"\n": "Enter", "\t": "Tab"}.get(character, character)
            self.press(key, {"\n": "\r", "\t": ""}.get(character, character))

    def press(self, key: str, text: str = "") -> None:
        """Press a key by its name in JavaScript."""
        codes = {"Enter": 13, "Tab": 9, "ArrowUp": 38, "ArrowDown": 40, "Escape": 27}
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        self.tell("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **common)

    def look(self, width: int, height: int, scheme: str = "light") -> None:
        """Have a window of this size and this preference for colours."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", features=features)

    def picture(self, file: Path) -> None:
        """Save what the window shows."""
        data = self.tell("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))


#: The browser wants the pipes as the descriptors 3 and 4; either may be the other's now.
_BEHIND_PIPES = """
import os, sys
commands, answers = (os.dup2(int(n), to) for n, to in zip(sys.argv[1:3], (50, 51)))
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser that ends with the block; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("No Chromium is installed: `apt-get install chromium` brings it.")
    its_commands, commands = os.pipe()
    answers, its_answers = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-c",
                    _BEHIND_PIPES,
                    str(its_commands),
                    str(its_answers),
                    program,
                ),
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
                *("--disable-background-networking", "--disable-component-update"),
            ],
            pass_fds=(its_commands, its_answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_commands)
        os.close(its_answers)
        browser = None
        try:
            browser = Browser(commands, answers)
            yield browser
            browser.tell("Browser.close")
        finally:
            if browser is not None:
                browser.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
