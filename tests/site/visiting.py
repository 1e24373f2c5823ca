"""A page of the built site, opened in a browser that has no network."""

from contextlib import contextmanager
from threading import Thread


@contextmanager
def serving(server):
    """The address of a server that runs meanwhile."""
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Visit:
    """A page in a window of its own, cut off from the network, with all that went wrong there."""

    def __init__(self, browser, site, width=1280, mode="light", **options):
        self.site, self.wrong, self.bytes = site, [], 0
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=mode, reduced_motion="reduce", **options
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)  # a shared machine may be slow; a pass waits for nothing
        self.page.route("**/*", self.answer)
        self.page.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("response", self.count)

    def answer(self, route):
        url = route.request.url
        if url.startswith((self.site, "data:", "blob:")):
            route.continue_()
        else:
            self.wrong.append(f"asked for {url}")
            route.abort()

    def count(self, response):
        if response.status >= 400:
            self.wrong.append(f"{response.status} for {response.url}")
        self.bytes += int(response.headers.get("content-length", 0))

    def open(self, name):
        self.page.goto(f"{self.site}{name}", wait_until="load")
        self.page.evaluate("() => window.MathJax?.startup?.promise")
        return self.page

    def show_pictures(self):
        """Fetch those too that wait until a reader comes near."""
        self.page.evaluate("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager'; })")
        self.page.wait_for_function("[...document.querySelectorAll('article img')].every((img) => img.complete)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


HEARTBEAT = """() => {
  window.longest = 0;
  let last = performance.now();
  const beat = () => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - last);
    last = now;
    setTimeout(beat, 16);
  };
  beat();
}"""


@contextmanager
def no_stand_still(visit, page):
    """Nothing holds the page up for a second longer than a busy machine holds up an empty page beside it."""
    beside = visit.context.new_page()
    for each in (page, beside):
        each.evaluate(HEARTBEAT)
    yield
    found, lost = page.evaluate("window.longest"), beside.evaluate("window.longest")
    beside.close()
    assert found < 1000 + lost, f"the page stood still for {found:.0f} ms, an empty one for {lost:.0f}"
