"""The colours of a picture: light, dark, and print.

Hues come from Okabe and Ito's palette, which colour-blind readers tell apart, darkened or
lightened until every text has a contrast of at least 4.5 : 1 with what it stands on (a test
measures that). Nothing is said by colour alone: leaves, constants and roots differ in their
frames, signs are written, paths are numbered.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Theme(NamedTuple):
    """The colours of one picture, as `#rrggbb`."""

    name: str
    background: str
    ink: str  # labels and numbers
    faint: str  # captions such as data and grad
    line: str  # edges and arrows
    beside: str  # the numbers beside the edges
    leaf: tuple[str, str]  # fill and frame of what was put in
    inner: tuple[str, str]
    root: tuple[str, str]
    constant: tuple[str, str]
    group: tuple[str, str]  # a layer or a module drawn as one box
    op: tuple[str, str]
    differs: str  # the fill of a box whose numbers differ from another picture's
    positive: str  # the far ends of the scale of gradients
    negative: str
    paths: tuple[str, ...]
    glow: tuple[str, str] = ("#d98200", "#0b63b0")  # what a player lights up, forward and backward

    @property
    def classes(self) -> tuple[str, ...]:
        """The colours of classes: blue and orange first, which are also those below a boundary and above."""
        first, second, *others = self.paths
        return (second, first, *others, self.beside, self.ink)

    def on_canvas(self) -> dict[str, Any]:
        """What the charts of a page need."""
        return {"background": self.background, "faint": self.faint, "classes": self.classes}


LIGHT = Theme(
    name="light",
    background="#ffffff",
    ink="#16191d",
    faint="#5a6470",
    line="#75808b",
    beside="#4a5560",
    leaf=("#e4effb", "#2a6db0"),
    inner=("#f5f6f8", "#8b95a0"),
    root=("#fdefd8", "#b06a00"),
    constant=("#fbfbfc", "#b3bac2"),
    group=("#e6f5ef", "#0a7d5c"),
    op=("#ffffff", "#3c454f"),
    differs="#f9d3e6",
    positive="#e07b39",
    negative="#4a90d9",
    paths=("#b34a00", "#0063a3", "#007a5a", "#a03a78", "#7a5c00", "#5a4fb0", "#00707e", "#8c2d2d"),
)

DARK = Theme(
    name="dark",
    background="#15181c",
    ink="#eceff2",
    faint="#a3adb8",
    line="#8a95a1",
    beside="#c3ccd5",
    leaf=("#1b3047", "#66a8e6"),
    inner=("#252a30", "#78838f"),
    root=("#453112", "#e8a33d"),
    constant=("#1b1f24", "#59636e"),
    group=("#143a2f", "#3fc39a"),
    op=("#15181c", "#c3ccd5"),
    differs="#5c2247",
    positive="#b3541e",
    negative="#2f6cb0",
    paths=("#ff9a52", "#62b5f5", "#35cfa0", "#ef8fc4", "#e5c445", "#a9a0f5", "#4fd0de", "#f08a8a"),
    glow=("#ffb84d", "#6cb6ff"),
)

PRINT = Theme(
    name="print",
    background="#ffffff",
    ink="#000000",
    faint="#444444",
    line="#444444",
    beside="#222222",
    leaf=("#ffffff", "#000000"),
    inner=("#ffffff", "#777777"),
    root=("#e8e8e8", "#000000"),
    constant=("#ffffff", "#999999"),
    group=("#f2f2f2", "#000000"),
    op=("#ffffff", "#000000"),
    differs="#d9d9d9",
    positive="#d08a5a",
    negative="#6f9fcf",
    paths=LIGHT.paths,
)

THEMES = {theme.name: theme for theme in (LIGHT, DARK, PRINT)}


def theme_named(name: str | Theme) -> Theme:
    """The theme of that name.

    Raises:
        ValueError: no such theme; the message lists them.
    """
    if isinstance(name, Theme):
        return name
    if name not in THEMES:
        raise ValueError(f"a theme is one of {', '.join(THEMES)}, but got {name!r}.")
    return THEMES[name]


def mixed(ground: str, colour: str, share: float) -> str:
    """The colour laid over the ground: all ground at share 0, all colour at share 1.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    channels = zip(_channels(ground), _channels(colour), strict=True)
    return "#" + "".join(f"{round(g + (c - g) * share):02x}" for g, c in channels)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
