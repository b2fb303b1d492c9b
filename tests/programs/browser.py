"""A real browser without a window, for the tests that need one.

Lives here: `Browser`, which starts Chromium and speaks its DevTools protocol through two pipes, so
that nothing else has to be installed.
Must not know: what the pages are.

How it works: a command has a number, and its answer has it, too; all other messages are events.
Every wait has one end: after `PATIENCE` seconds it fails, and says what it waited for and which
events came last.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from .conftest import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Left(Exception):
    """The page was left while something of it was awaited."""


class Browser:
    """One page in a browser.

    :param commands: the descriptor that commands are written to
    :param answers: the one that answers and events are read from
    :param patience: how many seconds anything may take
    """

    def __init__(self, commands: int, answers: int, patience: float = PATIENCE) -> None:
        self._commands = commands
        self._answers = answers
        self._patience = patience
        self._unread = bytearray()
        self._number = 0
        self._session: str | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._last: deque[str] = deque(maxlen=20)
        #: The URLs that the page has asked for.
        self.asked: list[str] = []
        #: What the browser has complained of: errors of scripts, violations of policies.
        self.complaints: list[str] = []
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        return self._tell(method, parameters, self._end())

    def _tell(self, method: str, parameters: dict[str, Any], end: float) -> dict[str, Any]:
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        awaited = f"the answer to {method} {json.dumps(parameters)[:500]}"
        unsent = json.dumps(command).encode() + b"\0"
        while unsent:
            self._wait([], [self._commands], awaited, end)
            unsent = unsent[os.write(self._commands, unsent[: select.PIPE_BUF]) :]
        while (message := self._read(awaited, end)).get("id") != self._number:
            self._events.append(message)
        if any(words in message.get("error", {}).get("message", "") for words in _LEFT):
            raise Left(message["error"]["message"])
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def _end(self) -> float:
        return time.monotonic() + self._patience

    def _wait(self, read: list[int], write: list[int], awaited: str, end: float) -> None:
        """Wait until a descriptor is ready."""
        if not any(select.select(read, write, [], max(0, end - time.monotonic()))):
            raise AssertionError(
                f"Waited {self._patience:g} seconds for {awaited}. The last events: "
                + ("; ".join(self._last) or "none")
            )

    def _read(self, awaited: str, end: float) -> dict[str, Any]:
        """The next message."""
        while (stop := self._unread.find(b"\0")) < 0:
            self._wait([self._answers], [], awaited, end)
            data = os.read(self._answers, 65536)
            assert data, f"The browser has ended, before {awaited}."
            self._unread += data
        message: dict[str, Any] = json.loads(self._unread[:stop])
        del self._unread[: stop + 1]
        if "method" in message:
            self._last.append(f"{message['method']} {json.dumps(message.get('params'))[:200]}")
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(message["params"]["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))
        return message

    def wait_for(self, event: str) -> None:
        """Wait for an event that has not been waited for yet."""
        end = self._end()
        while True:
            message = self._events.popleft() if self._events else self._read(event, end)
            if message.get("method") == event:
                return

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self._events.clear()
        self.tell("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        return self._run(script, self._end())

    def _run(self, script: str, end: float) -> Any:
        parameters = {
            "expression": script,
            "awaitPromise": True,
            "returnByValue": True,
            "userGesture": True,
        }
        answer = self._tell("Runtime.evaluate", parameters, end)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; looks again whenever the page changes,
        and in the next page when this one is left."""
        script = (
            "new Promise((resolve) => {"
            f"  const look = () => ({condition}) && (watch.disconnect(), resolve());"
            "  const watch = new MutationObserver(look);"
            "  watch.observe(document, {subtree: true, childList: true, attributes: true,"
            "                           characterData: true});"
            "  look();"
            "})"
        )
        end = self._end()
        while True:
            with suppress(Left):
                self._run(script, end)
                return

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


#: What the browser says of an expression whose page was left.
_LEFT = "Inspected target navigated or closed", "Execution context was destroyed"

#: The browser wants the pipes as the descriptors 3 and 4; either may be the other's now.
_BEHIND_PIPES = """
import os, sys
commands, answers = (os.dup2(int(n), to) for n, to in zip(sys.argv[1:3], (50, 51)))
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def browsing(patience: float = PATIENCE) -> Iterator[Browser]:
    """A browser that ends with the block; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("No Chromium is installed: `apt-get install chromium` brings it.")
    its_commands, commands = os.pipe()
    answers, its_answers = os.pipe()
    behind = sys.executable, "-c", _BEHIND_PIPES, str(its_commands), str(its_answers)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                *(*behind, program),
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
                *("--disable-background-networking", "--disable-component-update"),
                # A page that another window hides goes on all the same.
                *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
                "--disable-backgrounding-occluded-windows",
            ],
            pass_fds=(its_commands, its_answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            os.close(its_commands)
            os.close(its_answers)
            yield Browser(commands, answers, patience)
        finally:
            # Without its pipes it ends by itself; all of its processes are in one group.
            os.close(commands)
            os.close(answers)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
