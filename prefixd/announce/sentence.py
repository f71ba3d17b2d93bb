"""What a neighbor would be told, as one line for people."""

from typing import assert_never

from prefixd.bgp.rib.preview import Preview
from prefixd.bgp.rib.verdict import Export, Split, Withheld


def preview_sentence(preview: Preview) -> str:
    """`edge1: would be told, 13 rules after 12` or `edge2: withheld (ability): ...`."""
    words = f"{preview.peer}: {_verdict(preview)}"
    if preview.decided_earlier_by:
        words += f"; {preview.decided_earlier_by[0]} decides before it"
        if len(preview.decided_earlier_by) > 1:
            words += f" and {len(preview.decided_earlier_by) - 1} more"
    if preview.decides_before:
        words += f"; it decides before {preview.decides_before[0]}"
        if len(preview.decides_before) > 1:
            words += f" and {len(preview.decides_before) - 1} more"
    return words


def _verdict(preview: Preview) -> str:
    match preview.verdict:
        case Withheld(reason=reason, detail=detail):
            return f"withheld ({reason}): {detail}"
        case Split(parts=parts):
            return f"would be told as {len(parts)} rules, {_room(preview)}"
        case Export():
            return f"would be told, {_room(preview)}"
        case _:
            assert_never(preview.verdict)


def _room(preview: Preview) -> str:
    return f"{preview.rules_after} rules after {preview.rules_before}"
