"""docs/alerting.md says what is true: every event, the receiver's check, the sample."""

import re
import shutil
from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.notify.generic import signature
from prefixd.notify.settings import AlertEvent, PagerDuty, Slack

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "alerting.md").read_text()


@pytest.mark.parametrize("event", AlertEvent)
def test_every_event_is_documented(event: AlertEvent) -> None:
    assert f"`{event}`" in PAGE


def test_the_receivers_check_accepts_ours_and_nothing_else() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict[str, object] = {}
    exec(code, scope)
    genuine = scope["genuine"]
    assert callable(genuine)
    now = 1_800_000_000
    headers = {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": signature("s3cr3t", "evt_1", now, b"{}"),
    }
    assert headers["Webhook-Signature"] in PAGE
    assert genuine("s3cr3t", headers, b"{}", now)
    assert not genuine("s3cr3t", headers, b"{ }", now)
    assert not genuine("other", headers, b"{}", now)
    assert not genuine("s3cr3t", headers | {"Webhook-Id": "evt_2"}, b"{}", now)
    assert not genuine("s3cr3t", headers, b"{}", now + 301)


def test_the_sample_loads(tmp_path: Path) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    shutil.copytree(ROOT / "configs", tmp_path, dirs_exist_ok=True)
    (tmp_path / "alerting.yaml").write_text(sample)
    url = "https://hooks.slack.com/services/x"
    config = load_config(tmp_path, {"SLACK_NOC_URL": url, "PAGERDUTY_KEY": "R0key"})
    chat, pager = config.alerting.destinations
    assert chat.target == Slack(webhook_url=url)
    assert pager.target == PagerDuty(routing_key="R0key")
