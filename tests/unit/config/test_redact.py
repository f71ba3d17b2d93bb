"""What of the configuration may be shown."""

from prefixd.config.assemble import load_config
from prefixd.config.redact import settings_view
from tests.unit.config.directories import GOLDEN


def test_the_settings_view_is_an_allow_list() -> None:
    env = {"FLOW_TOKEN": "f" * 20, "BOX_B_SECRET": "b" * 20}
    view = settings_view(load_config(GOLDEN / "earlier_daemon", env))
    assert view["storage"] == {"connection_string": "[redacted]"}
    assert view["http"] == {
        "listen": "127.0.0.1:8080",
        "auth": {"mode": "bearer"},
        "rate_limit": {"events_per_second": 200, "burst": 800},
        "cors_origin": None,
    }
    assert view["safelist"] == {"count": 1}
    assert view["bgp"]["listen"] == ["[::]:179", "0.0.0.0:179"]
    assert set(view) == {
        "pop", "mode", "version", "http", "bgp", "guardrails", "quotas", "timers", "escalation",
        "shutdown", "storage", "observability", "safelist",
    }  # fmt: skip
    text = str(view)
    for hidden in ("FLOW_TOKEN", "router_id", "gobgp", "flow@db"):
        assert hidden not in text
