"""docs/metrics.md, written from the declarations: `python -m prefixd.observability.reference`."""

import sys

from prefixd.observability.metrics import Metrics

HEAD = """\
# Metrics

`GET /metrics` answers in the Prometheus text format. This page is generated from the declarations
in `prefixd/observability/metrics.py` (`make docs`).

Label values come from the configuration or from closed sets of words. Names that detectors make up
are counted under `other` once a family has its bound of series, so nobody can fill the memory.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def render() -> str:
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(family.label_names) or '–'} "
        f"| {family.help} |"
        for family in Metrics().registry.families()
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
