"""Horizontal bars on a logarithmic scale, as SVG, by hand."""

import math
from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, RIGHT = 640, 26, 90, 70
TITLE_HEIGHT, PANEL_HEIGHT = 40, 30


def bars(title: str, panels: Mapping[str, Mapping[str, float]]) -> str:
    """Panels one below the other, all on one scale."""
    values = [value for panel in panels.values() for value in panel.values()]
    low = 10 ** math.floor(math.log10(min(values)))
    span = math.log10(max(values) / low) or 1.0
    rows = sum(map(len, panels.values()))
    height = TITLE_HEIGHT + PANEL_HEIGHT * len(panels) + ROW * rows + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="24" font-weight="bold">{escape(title)}</text>',
    ]
    top = TITLE_HEIGHT
    for name, panel in panels.items():
        lines.append(f'<text x="10" y="{top + 18}" fill="#444">{escape(name)}</text>')
        top += PANEL_HEIGHT
        for speaker, value in panel.items():
            length = (WIDTH - LEFT - RIGHT) * math.log10(value / low) / span
            colour = "#c2410c" if speaker == "prefixd" else "#2563a8"
            lines += [
                f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(speaker)}</text>',
                f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="18" fill="{colour}"/>',
                f'<text x="{LEFT + length + 6:.1f}" y="{top + 14}">{value:.3g} s</text>',
            ]
            top += ROW
    return "\n".join([*lines, "</svg>", ""])
