"""Take pictures of a trace's page: python -m bench.page_shots FOLDER TRACE.sqlite...   (tests/ on the path)

Each trace gives FOLDER/<trace>-light.webp and -dark.webp (the whole page, half size) and <trace>-first.webp
(what one sees first).
"""

import base64
import sys
import tempfile
import time
from pathlib import Path

from browser import Browser, browser

from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.timeline import measure_timeline
from nsysprof.render.page import write_page
from nsysprof.trace import open_trace

WIDTH = 1280
FIRST_HEIGHT = 1400


def shoot(chromium: Browser, target: Path, height: int, scale: float) -> None:
    """Save the uppermost ``height`` pixels of the page, ``scale`` times their size."""
    chromium.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    time.sleep(1)  # parts that come into view are drawn
    area = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": scale}
    shot = chromium.driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "webp", "quality": 82, "clip": area}
    )
    target.write_bytes(base64.b64decode(shot["data"]))


def picture(chromium: Browser, trace: Path, folder: Path) -> None:
    """Take all pictures of one trace."""
    with open_trace(trace) as opened, tempfile.TemporaryDirectory() as scratch:
        inputs = examine(opened)
        hotspots = hotspots_of(inputs)
        page = write_page(hotspots, Path(scratch) / f"{trace.stem}.html", measure_timeline(inputs, hotspots))
        for theme in ("light", "dark"):
            chromium.dark(theme == "dark")
            chromium.open(page)
            height = 4000
            for _ in range(2):  # the height grows as parts are drawn
                shoot(chromium, folder / f"{trace.stem}-{theme}.webp", height, 0.5)
                height = int(chromium.run("return document.documentElement.scrollHeight"))
            shoot(chromium, folder / f"{trace.stem}-{theme}.webp", height, 0.5)
            if theme == "light":
                shoot(chromium, folder / f"{trace.stem}-first.webp", FIRST_HEIGHT, 1)


def main() -> None:
    """Take pictures of the traces that are named."""
    folder, *traces = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for trace in traces:
            picture(chromium, trace, folder)


if __name__ == "__main__":
    main()
