"""Horizontal bars on a logarithmic scale, as SVG, by hand."""

import math
from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, RIGHT = 640, 30, 90, 70


def bars(title: str, values: Mapping[str, float]) -> str:
    low = 10 ** math.floor(math.log10(min(values.values())))
    high = max(values.values())
    span = math.log10(high / low) or 1.0
    height = 50 + ROW * len(values)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>',
    ]
    for row, (name, value) in enumerate(values.items()):
        top = 38 + ROW * row
        length = (WIDTH - LEFT - RIGHT) * math.log10(value / low) / span
        lines += [
            f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="20" fill="#2563a8"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{top + 15}">{value:.3g} s</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
