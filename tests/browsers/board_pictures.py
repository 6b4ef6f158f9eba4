"""Takes pictures of the boards as a browser shows them, and the one in the README.

``make boards-pictures`` runs it after ``make boards``: ``target/pictures`` gets every board as wide
as a laptop and as a phone, and ``docs/boards/how_good.png`` the top of the first one. It needs
Chromium (Debian's package chromium; CHROMIUM names another one).
"""

from pathlib import Path

from exports.boards import INTO, ORDER, PHONE_WIDTH
from tests.browsers.chromium import chromium

PICTURES = Path("target/pictures")
README_PICTURE = Path("docs/boards/how_good.png")


def main() -> None:
    """Open each page and take its pictures."""
    with chromium() as browser:
        for width in (1280, PHONE_WIDTH):
            page = browser.new_page(viewport={"width": width, "height": 960})
            for name in ORDER:
                page.goto((INTO / f"{name}.html").resolve().as_uri())
                page.screenshot(path=PICTURES / f"{name}.{width}.png", full_page=True)
        page = browser.new_page(viewport={"width": 1280, "height": 910})
        page.goto((INTO / "how_good.html").resolve().as_uri())
        page.screenshot(path=README_PICTURE)
    print(f"{PICTURES.resolve()}\n{README_PICTURE.resolve()}")


if __name__ == "__main__":
    main()
