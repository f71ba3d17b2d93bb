"""docs/metrics.md, written from the declarations: `python -m prefixd.observability.reference`."""

import sys

from prefixd.observability.metrics import Metrics

HEAD = """\
# Metrics

`GET /metrics` answers in the Prometheus text format, or in OpenMetrics when the `Accept` header
asks for it. This page is generated from the declarations in `prefixd/observability/metrics.py`
(`make docs`).

Label values come from the configuration or from closed sets of words. A family holds a bounded
number of series; source names beyond it are counted under `other`. A family without any series is
left out of the answer. The series `process_*`, `python_info` and `python_gc_*` are those of the
Prometheus client library.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def render() -> str:
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.label_names) or '–'} "
        f"| {metric.text} |"
        for metric in Metrics().declared
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
