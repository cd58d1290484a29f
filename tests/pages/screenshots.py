"""Makes the screenshots of the README from the demo's own requests: `just screenshots`."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path

from conftest import CHROMIUM, ROOT
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(ROOT / "envoy"))
import demo  # noqa: E402
import stack  # noqa: E402

IMAGES = ROOT / "docs/images"
WINDOW = {"width": 1280, "height": 800}


def take(one: demo.Demo) -> bool:
    one.start()
    with contextlib.redirect_stdout(io.StringIO()):
        right = one.play()
        # Once more each: by now a target rests after its failure, so the tries may differ.
        for _ in range(3):
            one.play()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, color_scheme="light", timezone_id="UTC")
        page.goto(f"http://{one.collector}/login")
        page.fill("#token", one.env["HEADGATE_OWNER_TOKEN"])
        page.press("#token", "Enter")
        page.wait_for_url(f"http://{one.collector}/")
        page.goto(f"http://{one.collector}/logs")
        page.wait_for_selector("tr[data-row]")
        page.screenshot(path=IMAGES / "logs.png")
        page.goto(f"http://{one.collector}/logs?q=model:unstable")
        page.locator("tr[data-row]").last.locator("a").first.click()
        page.wait_for_selector("aside.sheet")
        page.screenshot(path=IMAGES / "record.png")
        browser.close()
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--envoy", "--wasm", "--bin"):
        parser.add_argument(name, required=True, type=Path)
    options = parser.parse_args()
    options.port, options.once = None, True
    one = demo.Demo(options)
    return stack.supervise(lambda: take(one))


if __name__ == "__main__":
    sys.exit(main())
