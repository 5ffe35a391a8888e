"""A real Chromium without a screen, spoken to through the DevTools protocol over a pair of pipes.

https://chromedevtools.github.io/devtools-protocol/ names the methods and events.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = "chromium"
SECONDS = 60
OPTIONS = (
    "--headless",
    "--no-sandbox",  # it refuses to be root with one
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",  # reads from descriptor 3, writes to 4
)


class Browser:
    """One page of a browser; a context manager, whose end takes the browser away.

    requests
        The addresses of all that the page asked for, itself included.
    complaints
        What was written to the console: errors, refusals by the page's own policy, dialogs.
    """

    def __init__(self):
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._stack = contextlib.ExitStack()
        self._number = 0
        self._buffer = b""
        self._events: list[dict] = []
        self._session = None

    def __enter__(self) -> Browser:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    def open(self, path, width=1280, height=900) -> None:
        """Show a file, and wait until it is there."""
        self.requests.clear()
        self.complaints.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self._events.clear()
        self.call("Page.navigate", url=f"file://{path}")
        self._await("Page.loadEventFired")

    def prefer(self, scheme: str) -> None:
        """Be a browser whose user prefers `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def evaluate(self, expression: str):
        """Return the value of a JavaScript expression, asked from outside the page's policy."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def pdf(self) -> str:
        """Print the page; return the PDF in base64."""
        return self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]

    def screenshot(self) -> str:
        """Return a picture of the whole page, a PNG in base64."""
        return self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]

    def call(self, method: str, **params) -> dict:
        """Call a method and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _start(self) -> None:
        program = shutil.which(PROGRAM)
        assert program, f"{PROGRAM} is not installed; bin/test installs it"
        home = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="postfix_sasl."))
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # High numbers first, since 3 or 4 may be one of the four.
        moved = [os.dup2(each, number) for each, number in ((theirs_in, 103), (theirs_out, 104))]
        shell = 'exec 3<&103 4>&104 103<&- 104>&-; exec "$@"'
        options = [*OPTIONS, f"--user-data-dir={home}"]
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", program, *options, "about:blank"],
            pass_fds=moved,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": home},
        )
        for each in (theirs_in, theirs_out, *moved):
            os.close(each)
        self._stack.callback(self._end, process)
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def _end(self, process: subprocess.Popen) -> None:
        """Close the browser, which ends when nobody holds the other end of its pipes."""
        os.close(self._to)
        os.close(self._from)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def _await(self, method: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not any(event["method"] == method for event in self._events):
            self._next(deadline)

    def _next(self, deadline: float) -> dict:
        """Return the next message; note what it tells if it is an event."""
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self._from], [], [], left)[0], "no answer"
            received = os.read(self._from, 1 << 20)
            assert received, "the browser has ended"
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        if "method" in message:
            self._events.append(message)
            self._note(message["method"], message["params"])
        return message

    def _note(self, method: str, params: dict) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(params))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {params['message']}")
