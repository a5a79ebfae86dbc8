"""The pictures in the documentation are of the screens as they are."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from nightshift.console.app import SCREENS as NAVIGATION
from nightshift.console.screens.mail import SCREEN as MAIL
from tests.integration.services.console.harness import Console
from tests.pictures.camera import signed_in
from tests.pictures.screens import FOLDER, SCREENS, skeleton_of
from tests.pictures.stage import stage
from tests.repository import ROOT

LARGEST = 100_000
AGAIN = "make them anew: make pictures"


@pytest.fixture(scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """The stack that is pictured."""
    async with stage(tmp_path_factory.mktemp("pictures")) as running:
        yield running


def test_every_screen_has_its_picture_and_the_page_shows_it() -> None:
    """Those of the navigation, and the pages that they lead to; each is small."""
    pictured = {path.partition("?")[0] for path in SCREENS.values()}
    assert {screen.path for screen in (*NAVIGATION, MAIL)} <= pictured, f"add the new screen, then {AGAIN}"
    page = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    for name in SCREENS:
        assert f"pictures/console/{name}.png" in page, name
    for picture in FOLDER.glob("*.png"):
        assert f"pictures/console/{picture.name}" in page, picture.name
        assert picture.stat().st_size < LARGEST, picture.name


async def test_no_picture_is_older_than_its_screen(shown: Console, chromium: Browser) -> None:
    """What stands on a screen but for its figures is what stood there when the picture was made."""
    async with signed_in(chromium, shown, width=1280, scheme="light") as camera:
        for name, path in SCREENS.items():
            await camera.open(path)
            stood = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
            assert await skeleton_of(camera.page) == stood, f"{name} has changed: {AGAIN}"
