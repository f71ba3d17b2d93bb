"""References that arrive through the API are those of the operator's own files, or refused."""

from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.config.bundle import ALERTING_NAME, CORRELATION_NAME, PLAYBOOKS_NAME, Config
from prefixd.config.problem import ConfigError
from prefixd.config.redact import alerting_view, correlation_view
from prefixd.config.references import references
from prefixd.config.update import plan_update
from prefixd.config.yaml_tree import Tree
from tests.unit.config.directories import make

ENV = {
    "HOOK": "https://hooks.example.com/first",
    "SLACK_URL": "https://hooks.slack.com/services/T/B/third",
    "DATABASE_PASSWORD": "of-the-database",
    "BOX": "s" * 20,
    "SITE": "fra",
}
ALERTING = """\
environment: ${SITE}
destinations:
  - {type: slack, webhook_url_env: SLACK_URL}
  - {type: generic, url: "${HOOK}", headers: {X-Site: "${SITE}"}}
  - {type: pagerduty, routing_key: hidden-key}
"""
CORRELATION = """\
webhook_adapters:
  - name: box-b
    auth: {type: hmac, secrets: ["env:BOX"]}
    fields: {victim_ip: "$.dst"}
"""
EVIL = "https://evil.example.com/x"
SENTENCE = "a reference to a variable or a file is not accepted through the API"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "key").write_text("of-a-file")
    return load_config(make(tmp_path, alerting=ALERTING, correlation=CORRELATION), ENV)


def refusals(config: Config, name: str, body: Tree) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan_update(config, name, body, ENV)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "destination",
    [
        {"type": "generic", "url": EVIL, "headers": {"X": "${DATABASE_PASSWORD}"}},
        {"type": "generic", "url": EVIL, "headers": {"X": "${DATABASE_PASSWORD:-none}"}},
        {"type": "generic", "url": EVIL + "?${SITE}"},
        {"type": "generic", "url": EVIL, "secret_env": "DATABASE_PASSWORD"},
        {"type": "generic", "url": EVIL, "secret_file": "/etc/shadow"},
        {"type": "generic", "url_file": "key"},
        {"type": "generic", "url": EVIL, "headers": {"X-Site": "${SITE}"}},
        {"id": "generic", "type": "generic", "url": EVIL, "headers": {"X-Site": "${SITE}"}},
        {"id": "generic", "type": "generic", "url": "${HOOK}", "headers": {"X-Other": "${SITE}"}},
        {"type": "pagerduty", "routing_key_env": "SLACK_URL", "events_url": EVIL},
        {"type": "slack", "webhook_url_env": "HOOK"},
        {"type": "slack", "webhook_url_env": "SLACK_URL", "channel": "${DATABASE_PASSWORD}"},
        {"type": "telegram", "bot_token": "x", "chat_id": "${DATABASE_PASSWORD}"},
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_no_variable_and_no_file_is_read_for_the_api(
    config: Config, destination: dict[str, Tree], wrapped: bool
) -> None:
    body: Tree = {"destinations": [destination]}
    (text,) = refusals(config, ALERTING_NAME, {"alerting": body} if wrapped else body)
    assert SENTENCE in text or "url changes, so the stored secret is not sent along" in text
    assert "of-the-database" not in text


def test_neither_is_it_in_the_general_keys(config: Config) -> None:
    (text,) = refusals(config, ALERTING_NAME, {"public_url": "https://x.example/${SITE}"})
    assert text.startswith(
        f"alerting.yaml: public_url: {SENTENCE} (got 'https://x.example/${{SITE}}')"
    )
    assert text.endswith(
        "; write the value, or name the reference in the file on the host and reload"
    )


def test_what_the_file_refers_to_comes_back_and_stays(config: Config) -> None:
    body = alerting_view(config)
    plan = plan_update(config, ALERTING_NAME, body, ENV)
    assert plan.config.alerting == config.alerting
    assert "${HOOK}" in plan.text
    assert "of-the" not in plan.text


def test_a_value_with_a_dollar_is_a_literal(config: Config) -> None:
    body: Tree = {"environment": "$${SITE}", "destinations": []}
    assert plan_update(config, ALERTING_NAME, body, ENV).config.alerting.environment == "${SITE}"


def test_playbooks_and_correlation_have_the_same_rule(config: Config) -> None:
    body: Tree = {"playbooks": [{"name": "${DATABASE_PASSWORD}"}]}
    assert SENTENCE in refusals(config, PLAYBOOKS_NAME, body)[0]
    adapter: dict[str, Tree] = {"name": "box-b", "fields": {"victim_ip": "$.dst"}}
    for auth in (
        {"type": "hmac", "secrets": ["file:/etc/shadow"]},
        {"type": "hmac", "secrets": ["env:BOX", "env:DATABASE_PASSWORD"]},
        {"type": "hmac", "secret_env": "DATABASE_PASSWORD"},
    ):
        tree: Tree = {"webhook_adapters": [{**adapter, "auth": auth}]}
        assert SENTENCE in refusals(config, CORRELATION_NAME, tree)[0]
    plan = plan_update(config, CORRELATION_NAME, correlation_view(config), ENV)
    assert plan.config.signals == config.signals


def test_places_survive_reordering() -> None:
    first: Tree = {"a": [{"id": "x", "k": "${V}"}, {"id": "y", "k_env": "W"}]}
    second: Tree = {"a": [{"id": "y", "k_env": "W"}, {"id": "x", "k": "${V}"}]}
    assert {(found.place, found.text) for found in references(first)} == {
        (found.place, found.text) for found in references(second)
    }
    assert [found.path for found in references(second)] == [("a", 0, "k_env"), ("a", 1, "k")]
