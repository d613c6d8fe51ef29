"""A real browser for tests of the page: headless Chromium, driven by its own driver."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--window-size=1280,900",
)


class Browser:
    """One Chromium; ``open`` loads a page from a file and waits until it says that it is ready."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a page of its own, so that nothing of the page before is left."""
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(f"file://{path.resolve()}{fragment}")
        self.wait("return 'ready' in document.documentElement.dataset")

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page and return its answer."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: object, seconds: float = 20) -> Any:
        """Wait until a script answers with something true, and return that."""
        end = time.monotonic() + seconds
        while not (answer := self.run(script, *arguments)):
            if time.monotonic() > end:
                raise TimeoutError(f"never came true: {script}; console: {self.logs()}")
            time.sleep(0.02)
        return answer

    def text(self, selector: str) -> str:
        """Return the visible text of the first node that matches."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def texts(self, selector: str) -> list[str]:
        """Return the text of every node that matches."""
        found = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(n => n.textContent)", selector
        )
        return [str(text) for text in found]

    def click(self, selector: str) -> None:
        """Click on a node as a person would, scrolled into view."""
        element = self.driver.find_element("css selector", selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).click().perform()

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def fill(self, selector: str, text: str) -> None:
        """Replace what an input holds."""
        element = self.driver.find_element("css selector", selector)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(Keys.BACKSPACE, text)

    def logs(self) -> list[str]:
        """Return what the console got since the last call."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        return list(self.driver.get_log(kind))  # type: ignore[no-untyped-call]

    def requests(self) -> list[str]:
        """Return every address that was asked for since the last call, the page's own file left out."""
        asked = []
        for entry in self._log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(str(message["params"]["request"]["url"]))
        return [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]

    def dark(self, wanted: bool) -> None:
        """Set what the system prefers."""
        value = "dark" if wanted else "light"
        feature = {"name": "prefers-color-scheme", "value": value}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Save what the page looks like, from top to bottom when ``whole``."""
        if whole:
            for _ in range(3):  # figures that come into view are drawn and may change the height
                height = self.run("return document.documentElement.scrollHeight")
                size = {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False}
                self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                time.sleep(0.5)
        self.driver.save_screenshot(str(path))
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium and end it afterwards."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise FileNotFoundError("tests of the page need chromium and chromedriver (Debian: chromium-driver)")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = Chrome(options=options, service=Service(driver))
    try:
        yield Browser(started)
    finally:
        started.quit()
