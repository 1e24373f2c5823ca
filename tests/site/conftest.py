"""The built site behind a server, and a browser to look at it."""

import os
import shutil

import pytest
from visiting import serving

from data_scripts.site import book, serve


def find_chromium():
    names = [os.environ.get("VDSR_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def site():
    assert (book.HTML / "index.html").exists(), "nothing is built: `make book`"
    with serving(serve.serve(0, book.HTML)) as address:
        yield address


@pytest.fixture(scope="session")
def launch():
    """Start Chromium, with these flags more."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = find_chromium()
    assert path, "no Chromium: `apt install chromium`, or name one in VDSR_CHROMIUM"
    with sync_api.sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *flags])


@pytest.fixture(scope="session")
def browser(launch):
    running = launch()
    yield running
    running.close()
