"""Changes through the API: judged like files, secrets restored, nobody overwritten unseen."""

from pathlib import Path

import pytest
import yaml

from prefixd.config.assemble import load_config
from prefixd.config.bundle import ALERTING_NAME, CORRELATION_NAME, PLAYBOOKS_NAME, Config
from prefixd.config.problem import ConfigError
from prefixd.config.redact import alerting_view, correlation_view, playbooks_view
from prefixd.config.update import EditConflict, plan_update, save, version_on_disk
from prefixd.config.yaml_tree import Tree
from tests.unit.config.directories import make

ALERTING = """\
destinations:
  - {id: noc, type: discord, webhook_url: "https://discord.com/api/webhooks/1/first"}
  - {id: boss, type: discord, webhook_url: "${BOSS_URL}"}
  - {type: slack, webhook_url_env: SLACK_URL, channel: "#ddos"}
  - type: generic
    url: https://hooks.example.com/x
    headers: {X-Token: hidden-header}
  - {type: pagerduty, routing_key: hidden-key}
"""
ENV = {
    "BOSS_URL": "https://discord.com/api/webhooks/2/second",
    "SLACK_URL": "https://hooks.slack.com/services/T/B/third",
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(make(tmp_path, alerting=ALERTING), ENV)


def view(config: Config) -> dict[str, Tree]:
    found = alerting_view(config)
    assert isinstance(found, dict)
    return found


def destinations(tree: Tree) -> list[dict[str, Tree]]:
    assert isinstance(tree, dict)
    found = tree["destinations"]
    assert isinstance(found, list)
    return [entry for entry in found if isinstance(entry, dict)]


def refusals(config: Config, name: str, body: Tree) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan_update(config, name, body, ENV)
    return [str(problem) for problem in caught.value.problems]


def test_playbooks_are_written_and_the_plan_is_what_the_file_says(
    config: Config, tmp_path: Path
) -> None:
    body = playbooks_view(config)
    assert isinstance(body, dict)
    assert isinstance(body["playbooks"], list)
    more: Tree = {
        "name": 'icmp: "all" #1',
        "match": {"vector": "icmp_flood"},
        "steps": [{"action": "discard", "ttl_seconds": 60}],
    }
    plan = plan_update(config, PLAYBOOKS_NAME, {"playbooks": [*body["playbooks"], more]}, ENV)
    assert [playbook.name for playbook in plan.config.policy.playbooks] == ["udp", more["name"]]
    version = save(plan, if_match=version_on_disk(config, PLAYBOOKS_NAME))
    again = load_config(tmp_path, ENV)
    assert again.policy == plan.config.policy
    assert again.documents[PLAYBOOKS_NAME].version == version == plan.version
    assert (tmp_path / "playbooks.yaml.bak").read_text().startswith("playbooks:\n  - name: udp\n")


def test_a_bad_body_is_refused_with_paths_and_changes_nothing(
    config: Config, tmp_path: Path
) -> None:
    before = (tmp_path / "playbooks.yaml").read_bytes()
    body: Tree = {
        "playbooks": [
            {
                "name": "udp",
                "match": {"vector": "udp_flood"},
                "steps": [{"action": "police", "ttl_seconds": 9999}],
            },
            {"name": "udp", "match": {}, "steps": []},
        ]
    }
    found = refusals(config, PLAYBOOKS_NAME, body)
    assert found == [
        "playbooks.yaml: playbooks[0].steps[0]: rate_bps is required",
        "playbooks.yaml: playbooks[1].steps: must have at least 1 entries",
    ]
    assert (tmp_path / "playbooks.yaml").read_bytes() == before


def test_a_body_that_is_not_a_section(config: Config) -> None:
    assert refusals(config, PLAYBOOKS_NAME, [1]) == [
        "playbooks.yaml: must be a section with keys, not a list"
    ]


def test_other_files_count_as_they_were_loaded(config: Config, tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("half edited: [")
    plan = plan_update(config, CORRELATION_NAME, {"enabled": True}, ENV)
    assert plan.config.inventory.customers == config.inventory.customers


def test_a_file_changed_meanwhile_is_a_conflict(config: Config, tmp_path: Path) -> None:
    seen = version_on_disk(config, CORRELATION_NAME)
    assert seen == "none"
    plan = plan_update(config, CORRELATION_NAME, {"enabled": True}, ENV)
    (tmp_path / "correlation.yaml").write_text("enabled: false\n")
    with pytest.raises(EditConflict, match="was changed meanwhile") as caught:
        save(plan, if_match=seen)
    assert caught.value.current == version_on_disk(config, CORRELATION_NAME)
    assert (tmp_path / "correlation.yaml").read_text() == "enabled: false\n"


def test_correlation_goes_round(tmp_path: Path) -> None:
    text = """\
enabled: true
webhook_adapters:
  - name: box-b
    auth: {type: hmac, secret_env: BOX}
    fields: {victim_ip: "$.dst"}
"""
    config = load_config(make(tmp_path, correlation=text), {"BOX": "s" * 20})
    plan = plan_update(config, CORRELATION_NAME, correlation_view(config), {"BOX": "s" * 20})
    assert plan.config.signals == config.signals
    assert "s" * 20 not in plan.text


def test_the_view_shows_ids_and_references_and_no_secret(config: Config) -> None:
    shown = destinations(view(config))
    assert [entry["id"] for entry in shown] == ["noc", "boss", "slack", "generic", "pagerduty"]
    assert shown[0]["webhook_url"] == "***"
    assert shown[1]["webhook_url"] == "***"
    assert shown[2]["webhook_url_env"] == "SLACK_URL"
    assert "webhook_url" not in shown[2]
    assert shown[3]["url"] == "***"
    assert shown[3]["headers"] == {"X-Token": "***"}
    assert "secret" not in shown[3]
    assert "hidden" not in str(shown)


def test_what_was_read_can_be_saved_and_keeps_every_secret(config: Config) -> None:
    plan = plan_update(config, ALERTING_NAME, view(config), ENV)
    assert plan.config.alerting == config.alerting
    raw = destinations(yaml.safe_load(plan.text))
    assert raw[0]["webhook_url"] == "https://discord.com/api/webhooks/1/first"
    assert raw[1]["webhook_url"] == "${BOSS_URL}"


def test_two_of_a_kind_are_told_apart_by_id_whatever_their_order(config: Config) -> None:
    body = view(config)
    plan = plan_update(
        config, ALERTING_NAME, {**body, "destinations": destinations(body)[::-1]}, ENV
    )
    urls = {found.id: found.target for found in plan.config.alerting.destinations}
    assert urls == {found.id: found.target for found in config.alerting.destinations}


def test_without_an_id_stars_are_only_taken_where_one_thing_can_be_meant(config: Config) -> None:
    single: Tree = {"destinations": [{"type": "pagerduty", "routing_key": "***"}]}
    plan = plan_update(config, ALERTING_NAME, single, ENV)
    assert plan.config.alerting.destinations[0].target == config.alerting.destinations[4].target
    ambiguous: Tree = {"destinations": [{"type": "discord", "webhook_url": "***"}]}
    assert refusals(config, ALERTING_NAME, ambiguous) == [
        "alerting.yaml: destinations[0].webhook_url: destination[0] (discord): "
        "ambiguous ***: give the destination its id; write the secret instead of the stars"
    ]


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ({"id": "x", "type": "discord", "webhook_url": "***"}, "no discord has the id 'x'"),
        ({"id": "noc", "type": "teams", "webhook_url": "***"}, "no teams has the id 'noc'"),
        ({"type": "telegram", "bot_token": "***", "chat_id": "1"}, "cannot resolve ***"),
        ({"id": "generic", "type": "generic", "url": "***", "secret": "***"},
         "no secret is stored"),
        ({"id": "generic", "type": "generic", "url": "***", "headers": {"X-New": "***"}},
         "cannot resolve *** of X-New"),
        ({"id": "generic", "type": "generic", "url": "https://evil.example.com/",
          "headers": {"X-Token": "***"}}, "url changes, so the stored secret is not sent along"),
        ({"id": "pagerduty", "type": "pagerduty", "routing_key": "***",
          "events_url": "https://evil.example.com/"}, "events_url changes"),
    ],
)  # fmt: skip
def test_stars_that_cannot_be_resolved(
    config: Config, destination: dict[str, Tree], message: str
) -> None:
    (found,) = refusals(config, ALERTING_NAME, {"destinations": [destination]})
    assert message in found


def test_a_secret_can_be_replaced(config: Config) -> None:
    body = view(config)
    first, *rest = destinations(body)
    new = "https://discord.com/api/webhooks/9/new"
    changed: list[Tree] = [{**first, "webhook_url": new}, *rest]
    plan = plan_update(config, ALERTING_NAME, {**body, "destinations": changed}, ENV)
    assert new in plan.text
    assert new not in repr(plan)
