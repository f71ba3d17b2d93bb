"""An alert as text, and several alerts as one."""

from prefixd.notify.alert import decode_alert, digest, encode_alert, merged
from prefixd.notify.settings import AlertEvent, Severity
from tests.kit.alerts import an_alert


def test_an_alert_survives_as_text() -> None:
    alert = an_alert()
    assert decode_alert(encode_alert(alert)) == alert
    assert decode_alert('{"id": 3}') is None


def test_merged_alerts_name_what_went_before_and_keep_the_highest_severity() -> None:
    first = an_alert(severity=Severity.CRITICAL)
    found = merged([first], an_alert(summary="now worse"))
    assert found.severity is Severity.CRITICAL
    assert found.summary == "now worse (before: mitigation.created)"
    assert merged([], first) is first


def test_a_digest_counts_victims_and_shows_the_most_severe_first() -> None:
    alerts = [an_alert(title=f"alert {n}") for n in range(11)] + [
        an_alert(title="worst", severity=Severity.CRITICAL)
    ]
    found = digest(alerts, "id-1", 5)
    assert (found.event, found.severity) == (AlertEvent.DIGEST, Severity.CRITICAL)
    assert found.title == "12 alerts, 1 victim"
    lines = found.summary.splitlines()
    assert lines[0] == "mitigation.created: worst"
    assert lines[-1] == "and 2 more"
