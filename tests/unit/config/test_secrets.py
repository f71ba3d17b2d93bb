"""No secret shows: not in a repr, a message, a view, a diff, or the check output."""

from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.config.diff import diff, render_diff
from prefixd.config.problem import ConfigError
from prefixd.config.redact import alerting_view, correlation_view, settings_view
from prefixd.config.report import render_problems, render_summary
from tests.unit.config.directories import make

MARK = "topsecret"

MAIN = f"""\
pop: lab1
http:
  auth: {{mode: bearer, bearer_token: {MARK}-token-0001}}
bgp:
  mode: mock
  local_asn: 64500
  router_id: 192.0.2.250
  neighbors:
    - name: edge1
      address: 192.0.2.1
      peer_asn: 64500
      password: {MARK}-md5
      export: {{}}
    - name: edge2
      address: 192.0.2.2
      peer_asn: 64500
      tcp_ao: [{{send_id: 1, receive_id: 1, key: {MARK}-ao}}]
      export: {{}}
storage: {{connection_string: "postgres://u:{MARK}-db@db.example.net/x"}}
"""
ALERTING = f"""\
destinations:
  - {{type: slack, webhook_url: "https://hooks.slack.com/services/{MARK}"}}
  - {{type: telegram, bot_token: "{MARK}", chat_id: 5}}
  - {{type: pagerduty, routing_key: "{MARK}"}}
  - {{type: opsgenie, api_key: "{MARK}"}}
  - type: generic
    url: https://hooks.example.com/{MARK}
    secret: {MARK}
    headers: {{X-Token: {MARK}}}
"""
CORRELATION = """\
enabled: true
webhook_adapters:
  - name: box-b
    auth: {type: hmac, secret_env: BOX}
    fields: {victim_ip: "$.dst"}
"""
ENV = {"BOX": f"{MARK}-box-0000000"}


def test_a_good_configuration_shows_none(tmp_path: Path) -> None:
    make(tmp_path, prefixd=MAIN, alerting=ALERTING, correlation=CORRELATION)
    config = load_config(tmp_path, ENV)
    other = load_config(tmp_path, {"BOX": f"{MARK}-changed-000"})
    make(tmp_path, prefixd=MAIN.replace(f"{MARK}-md5", f"{MARK}-new"), correlation=CORRELATION)
    (tmp_path / "alerting.yaml").write_text("destinations: []\n")
    third = load_config(tmp_path, ENV)
    assert config.bgp.peers[0].md5 is not None
    assert config.bgp.peers[0].md5.value == f"{MARK}-md5".encode()
    for text in (
        repr(config),
        repr(config.effective),
        repr(config.documents),
        repr(config.secrets),
        str(settings_view(config)),
        str(alerting_view(config)),
        str(correlation_view(config)),
        render_summary(config),
        render_problems(config.warnings),
        render_diff(diff(config, other)),
        render_diff(diff(config, third)),
        repr(diff(config, third)),
    ):
        assert MARK not in text
    assert "secret env:BOX: *** -> *** (live)" in render_diff(diff(config, other))
    assert "bgp.neighbors[edge1].password: *** -> *** (live)" in render_diff(diff(config, third))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"bearer_token: {MARK}-token-0001", f"bearer_token: {MARK}"),
        (f"password: {MARK}-md5", f"password: [{MARK}]"),
        (f"password: {MARK}-md5", f"pasword: {MARK}"),
        (f"password: {MARK}-md5", f"password_env: {MARK} with blanks"),
        (f"key: {MARK}-ao", f"key: {{{MARK}: 1}}"),
        ("postgres://", "mysql://"),
        ("auth: {mode: bearer, bearer_token: ", "auth: ["),
        (f"tcp_ao: [{{send_id: 1, receive_id: 1, key: {MARK}-ao}}]", f"tcp_ao: {MARK}"),
        (f"tcp_ao: [{{send_id: 1, receive_id: 1, key: {MARK}-ao}}]", f"timers: {MARK}"),
    ],
)
def test_a_mistake_beside_a_secret_shows_none(tmp_path: Path, old: str, new: str) -> None:
    assert old in MAIN
    text = MAIN.replace(old, new).replace(
        "0001}", "0001]" if "[" in new and "auth" in old else "0001}"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(make(tmp_path, prefixd=text), ENV)
    assert MARK not in str(caught.value)
    assert MARK not in repr(caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://hooks.slack.com", "http://hooks.slack.com"),
        (f'bot_token: "{MARK}"', f"bot_token: [{MARK}]"),
        (f"headers: {{X-Token: {MARK}}}", f"headers: {{Host: {MARK}}}"),
        (f"headers: {{X-Token: {MARK}}}", f"headers: {MARK}"),
        (f"secret: {MARK}", f"secrett: {MARK}"),
    ],
)
def test_a_mistake_in_a_destination_shows_none(tmp_path: Path, old: str, new: str) -> None:
    assert old in ALERTING
    make(tmp_path, prefixd=MAIN, alerting=ALERTING.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, ENV)
    assert MARK not in str(caught.value)


def test_a_variable_that_holds_a_secret_is_shown_by_its_name(tmp_path: Path) -> None:
    text = MAIN.replace(f"password: {MARK}-md5", 'peer_asn_x: "${HIDDEN}"')
    text = text.replace("mode: mock", 'mode: "${HIDDEN}"')
    with pytest.raises(ConfigError) as caught:
        load_config(make(tmp_path, prefixd=text), {"HIDDEN": MARK})
    assert "${HIDDEN}" in str(caught.value)
    assert MARK not in str(caught.value)
