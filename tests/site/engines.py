"""Firefox by WebDriver BiDi and WebKit by WebDriver, with the few words that the smoke tests need of both."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager

import pytest

CALL = "(async () => {{ {} }})().then((v) => {}(JSON.stringify(v ?? null)), (e) => {}('!' + e))"


def needs(program, package):
    """Where a program is; a test is skipped with the line that installs it where it is not."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"no {program}: apt install {package}")
    return path


def until(attempt, seconds=60):
    """What `attempt` gives once it raises nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def answer(text):
    assert text is None or not text.startswith("!"), text
    return json.loads(text) if text else None


class Firefox:
    """A page in Firefox."""

    def __init__(self, socket):
        self.socket, self.count, self.errors = socket, 0, []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]
        self.ask("browsingContext.setViewport", context=self.context, viewport={"width": 1280, "height": 900})

    def ask(self, method, **params):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"])
            if message.get("id") == self.count:
                assert message["type"] == "success", message
                return message["result"]

    def open(self, address):
        self.ask("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def run(self, body):
        """What the body of an async function returns."""
        code = CALL.format(body, "", "")
        target = {"context": self.context}
        result = self.ask("script.evaluate", expression=code, target=target, awaitPromise=True)
        return answer(result["result"]["value"])


class WebKit:
    """A page in WebKit."""

    def __init__(self, port):
        self.port, self.errors = port, []
        until(lambda: self.ask("GET", "/status"))
        session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {}}})
        self.session = f"/session/{session['sessionId']}"
        self.ask("POST", f"{self.session}/timeouts", {"script": 300_000, "pageLoad": 300_000})
        self.ask("POST", f"{self.session}/window/rect", {"width": 1280, "height": 900})

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)["value"]

    def open(self, address):
        self.ask("POST", f"{self.session}/url", {"url": address})

    def run(self, body):
        """What the body of an async function returns."""
        script = {"script": CALL.format(body, "arguments[0]", "arguments[0]"), "args": []}
        return answer(self.ask("POST", f"{self.session}/execute/async", script))

    def picture(self):
        return base64.b64decode(self.ask("GET", f"{self.session}/screenshot"))


@contextmanager
def started(command, **options):
    """A program that runs meanwhile, its output thrown away."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def firefox():
    """Firefox without a window."""
    path = shutil.which("firefox") or needs("firefox-esr", "firefox-esr")
    websocket = pytest.importorskip("websocket", reason="pip install websocket-client")
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-remote", "--profile", profile, f"--remote-debugging-port={port}"]
        with started(command):
            address = f"ws://127.0.0.1:{port}/session"
            yield Firefox(until(lambda: websocket.create_connection(address, timeout=300, suppress_origin=True)))


@contextmanager
def webkit():
    """WebKit in a screen that nobody sees."""
    driver, screen = needs("WebKitWebDriver", "webkit2gtk-driver"), needs("Xvfb", "xvfb")
    port, display = free_port(), f":{90 + os.getpid() % 900}"
    environment = os.environ | {"DISPLAY": display, "GDK_BACKEND": "x11"}
    with (
        started([screen, display, "-screen", "0", "1400x1000x24"]),
        started([driver, f"--port={port}"], env=environment),
    ):
        page = WebKit(port)
        try:
            yield page
        finally:
            page.ask("DELETE", page.session)
