"""Text in pictures: a font that has every letter, or other words."""

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
    """Return the path of a font that can write `text`, our own before others, or None."""
    wanted = {ord(char) for char in text if not char.isspace()}
    # Matplotlib's Last Resort font has a placeholder for every letter and none of them.
    others = sorted({font.fname for font in font_manager.fontManager.ttflist
                     if font.style == 'normal' and 'mono' not in font.name.lower()
                     and 'last resort' not in font.name.lower()
                     and 'LastResort' not in font.fname})
    for path in (own_font(bold=True), own_font(), *others):
        try:
            if wanted <= set(FT2Font(path).get_charmap()):
                return path
        except (OSError, RuntimeError):  # a damaged font, or a kind that cannot be read
            continue
    return None


def caption(scenario: Scenario) -> tuple[str, str]:
    """Return (what to write, path of its font): the instruction, or English where it cannot be."""
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
    """Return the font in `size` px or as much less as `text` needs to be within `width` px."""
    while size > 10 and sized(path, size).getlength(text) > width:
        size -= 1
    return sized(path, size)
