"""Text in pictures: a font that has every letter of the instruction, or an English text."""

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from mobile_vla_ros.sim.scenario import Scenario


def own_font(bold: bool = False) -> str:
    """Return the path of DejaVu Sans, which comes with matplotlib."""
    return font_manager.findfont(
        font_manager.FontProperties(family='DejaVu Sans', weight='bold' if bold else 'normal'))


@lru_cache
def font_for(text: str) -> str | None:
    """Return the path of a font with every letter of `text`, or None; DejaVu is preferred."""
    needed = {ord(char) for char in text if not char.isspace()}
    # Matplotlib's Last Resort font has the same placeholder for every letter.
    others = sorted({font.fname for font in font_manager.fontManager.ttflist
                     if font.style == 'normal' and 'mono' not in font.name.lower()
                     and 'last resort' not in font.name.lower()
                     and 'LastResort' not in font.fname})
    for path in (own_font(bold=True), own_font(), *others):
        try:
            if needed <= set(FT2Font(path).get_charmap()):
                return path
        except (OSError, RuntimeError):  # a damaged font, or a kind that cannot be read
            continue
    return None


def caption(scenario: Scenario) -> tuple[str, str]:
    """Return a text and its font's path: the instruction, or English if no font can write it."""
    path = font_for(scenario.instruction)
    if path:
        return f'“{scenario.instruction}”', path
    return (f'Pass on the {scenario.side}, stop at the {scenario.color} bottle  '
            '(said in Korean)', own_font(bold=True))


@lru_cache(maxsize=64)
def sized(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font for Pillow."""
    return ImageFont.truetype(path, size)


def fitting(text: str, path: str, size: int, width: int) -> ImageFont.FreeTypeFont:
    """Return the font in `size` px, or smaller if `text` would be wider than `width` px."""
    while size > 10 and sized(path, size).getlength(text) > width:
        size -= 1
    return sized(path, size)
