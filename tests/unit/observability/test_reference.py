"""The generated page has a row for each metric."""

from prefixd.observability.metrics import Metrics
from prefixd.observability.reference import render


def test_every_metric_has_a_row_with_its_kind_and_labels() -> None:
    page = render()
    for metric in Metrics().declared:
        labels = ", ".join(metric.label_names) or "–"
        assert f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |\n" in page
