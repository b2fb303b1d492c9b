"""The browser of the tests fails loudly, and leaves nothing behind."""

from __future__ import annotations

import os
import signal

import pytest

from .browser import Browser, browsing


def test_a_browser_that_does_not_answer() -> None:
    its_commands, commands = os.pipe()
    answers, its_answers = os.pipe()
    with pytest.raises(
        AssertionError, match=r"0\.1 seconds for the answer to Target\.createTarget"
    ):
        Browser(commands, answers, patience=0.1)
    for descriptor in (its_commands, commands, answers, its_answers):
        os.close(descriptor)


def test_an_event_that_never_comes() -> None:
    with browsing() as browser:
        browser.open("data:text/html,<title>here</title>")
        browser._patience = 0.1
        with pytest.raises(AssertionError) as caught:
            browser.wait_for("Page.neverHappens")
        assert "Waited 0.1 seconds for Page.neverHappens" in str(caught.value)
        assert "Page.loadEventFired" in str(caught.value)
        with pytest.raises(AssertionError, match=r"Runtime\.evaluate .*document\.neverSo"):
            browser.wait_until("document.neverSo")


def test_a_page_that_is_left_while_it_is_looked_at() -> None:
    with browsing() as browser:
        browser.open("data:text/html,here")
        browser.run("void setTimeout(() => location = 'about:blank#there')")
        browser.wait_until("location.hash === '#there'")


def test_a_browser_that_hangs_is_killed_when_its_test_fails() -> None:
    with pytest.raises(LookupError), browsing() as browser:
        browser._session = None
        processes = browser.tell("SystemInfo.getProcessInfo")["processInfo"]
        (pid,) = (process["id"] for process in processes if process["type"] == "browser")
        os.kill(pid, signal.SIGSTOP)
        raise LookupError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
