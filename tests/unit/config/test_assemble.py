"""Whole directories: what loads, what does not, and what wins over the file."""

from pathlib import Path

import pytest

from prefixd.api.settings import Listen
from prefixd.auth.settings import AuthMode
from prefixd.bgp.neighbor_settings import RestartPolicy, Secret
from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC
from prefixd.config.assemble import load_config
from prefixd.config.problem import ConfigError, Severity
from prefixd.correlation.settings import SourceMode
from prefixd.domain.actor import Role
from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import EntrySource
from prefixd.engine.settings import Mode
from prefixd.notify.settings import AlertEvent, Generic
from prefixd.observability.settings import LogFormat, LogLevel
from tests.unit.config.directories import GOLDEN, MAIN, ROOT, load, make, problems, texts


@pytest.mark.parametrize("name", ["configs", "configs/minimal", "prefixd/config/sample"])
def test_the_shipped_configurations_load_without_a_warning(name: str) -> None:
    config = load_config(ROOT / name, {})
    assert config.warnings == ()
    assert str(config.api.listen) == "127.0.0.1:8080"


def test_the_sample_runs_without_privileges() -> None:
    config = load_config(ROOT / "configs", {})
    assert not config.bgp.live
    assert all(entry.port > 1023 for entry in config.bgp.listen)
    assert config.storage.sqlite_path == "run/prefixd.db"
    victim = Prefix.parse("198.51.100.20")
    assert victim is not None
    assert config.inventory.find(victim) is not None


def test_the_copies_in_configs_are_the_sample() -> None:
    for path in (ROOT / "prefixd/config/sample").glob("*.yaml"):
        assert (ROOT / "configs" / path.name).read_text() == path.read_text()


def test_files_of_the_earlier_daemon_load_unchanged() -> None:
    config = load_config(
        GOLDEN / "earlier_daemon", {"FLOW_TOKEN": "f" * 20, "BOX_B_SECRET": "b" * 20}
    )
    assert config.pop == "fra2"
    assert config.mode is Mode.DRY_RUN
    assert config.auth.mode is AuthMode.BEARER
    assert config.limits.max_ports == 6
    assert config.limits.max_active_per_customer == 10
    assert config.engine.reconcile_interval_s == 15
    assert config.observability.log_format is LogFormat.TEXT
    assert config.correlation.min_sources == 2
    assert config.signals.webhooks[0].auth.secret_refs == ("env:BOX_B_SECRET",)
    assert config.secrets["env:BOX_B_SECRET"] == "b" * 20
    assert [found.type for found in config.alerting.destinations] == [
        "slack", "discord", "teams", "telegram", "pagerduty", "opsgenie", "generic",
    ]  # fmt: skip
    customer = config.inventory.customer("cust_example")
    assert customer is not None
    assert customer.profile is PolicyProfile.NORMAL


FULL_ENV = {
    "ARBOR_TOKEN": "a" * 20,
    "FIRST": "1" * 20,
    "SECOND": "2" * 20,
    "DECOYS": "d" * 20,
    "EDGE1_MD5": "md5",
    "EDGE2_AO": "ao",
    "DB_PASSWORD": "db",
    "SLACK_NOC_URL": "https://hooks.slack.com/services/T/B/x",
}


def test_a_directory_that_says_most_of_what_can_be_said() -> None:
    config = load_config(GOLDEN / "full", FULL_ENV)
    # Whether everybody may read the example secret depends on who checked it out.
    assert [found for found in config.warnings if "read by every user" not in found.message] == []
    edge1, edge2 = config.bgp.peers
    assert edge1.families == (IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST)
    assert edge1.md5 == Secret(b"md5")
    assert edge1.timers.hold_time_s == 30
    assert edge1.restart.policy is RestartPolicy.HOLD
    assert edge1.export is not None
    assert edge1.export.communities == (64500 << 16 | 1, 0xFFFFFF01)
    assert edge1.export.actions == {"discard", "police"}
    assert edge1.budget.rules_v4 == 500
    assert edge2.tcp_ao[0].secret == Secret(b"ao")
    assert edge2.export == ExportPolicy()
    assert config.bgp.dynamic[0].template.peer_asns == {64510, 64511}
    assert {entry.port for entry in config.bgp.listen} == {1790}
    assert config.auth.mtls_roles["detector.example.net"] is Role.OPERATOR
    assert config.limits.max_active_global is None
    assert config.limits.max_lifetime_s == 0
    assert config.limits.protected_flows[0].dst_ports == ((53, 53), (5300, 5310))
    assert config.storage.connection_string == "postgres://prefixd:db@db.example.net/prefixd"
    assert config.storage.retention.events_days == 30
    assert config.engine.answer_wait_s == 1.5
    assert config.policy.relaxed_confidence == 0.95
    actions = [type(step.action).__name__ for step in config.policy.playbooks[0].steps]
    assert actions == ["Mark", "Police", "Redirect", "Discard", "Blackhole"]
    customer = config.inventory.customers[0]
    assert customer.correlation is not None
    assert customer.correlation.bypass[0].min_bps == 20_000_000_000
    assert config.correlation.evidence_base("akvorado") == "group:flowexport-a"
    assert [adapter.name for adapter in config.signals.webhooks] == ["arbor", "names-and-values"]
    assert config.secrets["env:SECOND"] == "2" * 20
    slack, hook = config.alerting.destinations
    assert AlertEvent.MITIGATION_ESCALATED in slack.events
    assert AlertEvent.BGP_PEER_DOWN not in slack.events
    assert slack.rate_per_minute == 20
    assert isinstance(hook.target, Generic)
    assert hook.target.secret == "example-hook-secret"


def test_each_key_that_does_nothing_is_named_once_with_what_replaces_it() -> None:
    config = load_config(
        GOLDEN / "earlier_daemon", {"FLOW_TOKEN": "f" * 20, "BOX_B_SECRET": "b" * 20}
    )
    assert all(found.severity is Severity.WARNING for found in config.warnings)
    assert [(found.path, found.hint) for found in config.warnings] == [
        (
            "bgp.gobgp_grpc",
            "the BGP speaker is part of prefixd; list routers under bgp.neighbors",
        ),
        ("observability.audit_log_path", "the audit log is in the database: prefixdctl audit"),
        ("observability.metrics_listen", "metrics are served at /metrics of http.listen"),
    ]


def test_sidecar_mode_means_speaker(tmp_path: Path) -> None:
    config = load(make(tmp_path, prefixd=MAIN.replace("mode: mock", "mode: sidecar")))
    assert config.bgp.live
    assert any("sidecar means speaker" in found.message for found in config.warnings)


def test_seven_mistakes_in_four_files_are_listed_in_one_run() -> None:
    found = problems(GOLDEN / "seven_mistakes")
    assert [(one.file, one.line, one.column, one.path) for one in found] == [
        ("prefixd.yaml", 2, 7, "mode"),
        ("prefixd.yaml", 8, 14, "bgp.local_asn"),
        ("prefixd.yaml", 11, 20, "guardrails.min_ttl_seconds"),
        ("inventory.yaml", 4, 16, "customers[0].prefixes[0]"),
        ("inventory.yaml", 11, 9, "customers[1].services[0].asets"),
        ("playbooks.yaml", 3, 21, "playbooks[0].match.vector"),
        ("correlation.yaml", 5, 1, ""),
    ]
    assert [str(one).partition(": ")[2] for one in found] == [
        "mode: must be dry-run or enforced (got 'enforce'); did you mean enforced?",
        "bgp.local_asn: must be a whole number, not text (got '64500')",
        "guardrails.min_ttl_seconds: 600 is greater than max_ttl_seconds (300)",
        "customers[0].prefixes[0]: must be an IP prefix such as 192.0.2.0/24 "
        "(got '198.51.100.7/24'); the network is 198.51.100.0/24",
        "customers[1].services[0].asets: unknown key; did you mean assets?",
        "playbooks[0].match.vector: is not a word known here (got 'udp_floood'); "
        "did you mean udp_flood?",
        "duplicate key 'enabled'",
    ]


def test_the_error_prints_every_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(GOLDEN / "seven_mistakes", {})
    text = str(caught.value)
    assert text.startswith("7 problems in the configuration:\n")
    assert len(text.splitlines()) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("pop: lab1", "pop:"), "pop: is required and has no value"),
        (("pop: lab1\n", ""), "prefixd.yaml:1:1: pop is required"),
        (("pop: lab1", "pop: 7"), 'pop: must be a name of letters, digits, ._-, not a whole '
         'number (got 7); write it in quotes: "7"'),
        (("pop: lab1", "pop: [a]"), "not a list"),
        (("local_asn: 64500", "local_asn: 0"), "bgp.local_asn: must be from 1 to 4294967295"),
        (("local_asn: 64500", "local_as: 64500"), "bgp.local_as: unknown key; "
         "did you mean local_asn?"),
        (("auth: {mode: none}", "auth: none"), "http.auth: must be a section with keys, not text"),
        (("auth: {mode: none}", "auth: {mode: yes}"), "must be none, bearer, credentials or mtls"),
        (
            ("router_id: 192.0.2.250", "router_id: 1.2.3"),
            "must be an IPv4 address other than 0.0.0.0 (got '1.2.3')",
        ),
        (("mode: mock", "mode: mock\n  mode: mock"), "duplicate key 'mode'"),
    ],
)  # fmt: skip
def test_wrong_values(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in MAIN
    found = texts(make(tmp_path, prefixd=MAIN.replace(*change)))
    assert any(message in text for text in found), found


def test_contradictory_limits(tmp_path: Path) -> None:
    extra = (
        "guardrails: {dst_prefix_minlen: 32, dst_prefix_maxlen: 24}\n"
        "timers: {default_ttl_seconds: 4000, min_ttl_seconds: 60}\n"
    )
    found = texts(make(tmp_path, prefixd=MAIN + extra))
    assert len(found) == 2
    assert "guardrails.dst_prefix_minlen: 32 is greater than dst_prefix_maxlen (24)" in found[0]
    assert "timers.default_ttl_seconds: 4000 is outside the guardrail's 60..1800" in found[1]


def test_an_unset_variable_in_a_value(tmp_path: Path) -> None:
    directory = make(tmp_path, prefixd=MAIN + 'storage: {connection_string: "${DB}"}\n')
    (text,) = texts(directory)
    assert text == (
        "prefixd.yaml:8:30: storage.connection_string: environment variable DB is not set "
        "(got '${DB}'); set DB before starting prefixd, or write ${DB:-default}"
    )
    assert load(directory, DB="sqlite:x.db").storage.connection_string == "sqlite:x.db"


def test_an_unset_token_in_bearer_mode(tmp_path: Path) -> None:
    bearer = MAIN.replace("mode: none", "mode: bearer, bearer_token_env: FLOW_TOKEN")
    (text,) = texts(make(tmp_path, prefixd=bearer))
    assert "http.auth.bearer_token_env: mode bearer needs a token" in text
    assert "environment variable FLOW_TOKEN is not set" in text
    assert load(tmp_path, FLOW_TOKEN="t" * 20).auth.bearer_token == "t" * 20


def test_the_default_token_variable(tmp_path: Path) -> None:
    make(tmp_path, prefixd=MAIN.replace("mode: none", "mode: bearer"))
    assert "PREFIXD_API_TOKEN is not set" in texts(tmp_path)[0]
    assert load(tmp_path, PREFIXD_API_TOKEN="t" * 20).auth.bearer_token == "t" * 20


def test_a_token_variable_that_no_mode_needs_may_be_unset(tmp_path: Path) -> None:
    make(tmp_path, prefixd=MAIN.replace("mode: none", "mode: none, bearer_token_env: NOT_SET"))
    assert load(tmp_path).auth.bearer_token is None


def test_numbers_may_come_from_variables(tmp_path: Path) -> None:
    make(tmp_path, prefixd=MAIN.replace("64500", "${ASN:-64501}"))
    assert load(tmp_path).bgp.local_asn == 64501
    assert load(tmp_path, ASN="64499").bgp.local_asn == 64499
    (text,) = texts(tmp_path, ASN="many")
    assert "must be a whole number, not text (got '${ASN:-64501}')" in text


def test_a_literal_dollar_brace(tmp_path: Path) -> None:
    make(
        tmp_path,
        inventory="""\
customers: [{customer_id: a, name: "$${x} costs $5", prefixes: [198.51.100.0/24]}]
""",
    )
    assert load(tmp_path).inventory.customers[0].name == "${x} costs $5"


def test_environment_and_flags_win_over_the_file(tmp_path: Path) -> None:
    make(tmp_path)
    env = {"DATABASE_URL": "postgres://u:hidden@db/x", "RUST_LOG": "warn,prefixd=debug,h2=trace"}
    config = load_config(tmp_path, env, listen="[::1]:9000")
    assert config.storage.connection_string == "postgres://u:hidden@db/x"
    assert config.observability.log_level is LogLevel.DEBUG
    assert config.api.listen == Listen("::1", 9000)
    assert "hidden" not in repr(config)


def test_bad_overrides_are_problems(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {"DATABASE_URL": "mysql://u:hidden@db"}, listen="8080")
    text = str(caught.value)
    assert "--listen: must be an address with a port" in text
    assert "environment variable DATABASE_URL: must be sqlite:" in text
    assert "hidden" not in text


def test_sections_of_prefixd_yaml_stand_in_for_missing_files(tmp_path: Path) -> None:
    extra = "correlation: {enabled: true, min_sources: 2}\nalerting: {environment: lab}\n"
    make(tmp_path, prefixd=MAIN + extra)
    config = load(tmp_path)
    assert config.correlation.min_sources == 2
    assert config.alerting.environment == "lab"
    make(tmp_path, prefixd=MAIN + extra, correlation="enabled: true\nmin_sources: 3\n")
    assert load(tmp_path).correlation.min_sources == 3


def test_problems_of_such_a_section_are_placed_in_prefixd_yaml(tmp_path: Path) -> None:
    extra = "correlation:\n  enabled: true\n  window_seconds: 5000\n"
    (text,) = texts(make(tmp_path, prefixd=MAIN + extra))
    assert text.startswith("prefixd.yaml:")
    assert "correlation.max_group_lifetime_seconds" in text


def test_a_file_may_repeat_its_section_name(tmp_path: Path) -> None:
    config = load(make(tmp_path, correlation="correlation:\n  enabled: true\n  min_sources: 4\n"))
    assert config.correlation.min_sources == 4


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    first = load(make(tmp_path)).version
    assert load(tmp_path).version == first
    (tmp_path / "alerting.yaml").write_text("destinations: []\n")
    assert load(tmp_path).version != first


def test_a_decoy_sensor_is_a_source_that_only_strengthens(tmp_path: Path) -> None:
    text = """\
enabled: true
sources: {fastnetmon: {weight: 0.9}}
sensors:
  deception:
    - {name: trap, weight: 0.4, decoys: [192.0.2.128/26], secrets: ["env:TRAP"]}
    - {name: idle, enabled: false}
"""
    config = load(make(tmp_path, correlation=text), TRAP="sixteen characters")
    assert set(config.correlation.sources) == {"fastnetmon", "deception:trap"}
    trap = config.correlation.sources["deception:trap"]
    assert (trap.mode, trap.expect_every_s) == (SourceMode.CORROBORATING, 900)


def test_declared_decoys_are_infrastructure(tmp_path: Path) -> None:
    """Never a victim: there is nothing to protect, and a filter blinds the sensor."""
    text = """\
sensors:
  deception:
    - {name: trap, decoys: [192.0.2.128/26, "2001:db8:d::/64"], secrets: ["env:TRAP"]}
"""
    config = load(make(tmp_path, correlation=text), TRAP="sixteen characters")
    found = {
        str(entry.prefix): entry.source
        for entry in config.safelist.entries(0)
        if entry.reason == "decoys of sensor trap"
    }
    assert set(found) == {"192.0.2.128/26", "2001:db8:d::/64"}
    assert set(found.values()) == {EntrySource.INFRASTRUCTURE}


def test_an_adapter_in_dry_run_is_a_source_on_trial(tmp_path: Path) -> None:
    text = """\
default_source: {weight: 0.7}
sources: {known: {weight: 0.9}}
webhook_adapters:
  - {name: known, dry_run: true, fields: {victim_ip: "$.ip"}}
  - {name: fresh, dry_run: true, fields: {victim_ip: "$.ip"}}
  - {name: live, fields: {victim_ip: "$.ip"}}
"""
    sources = load(make(tmp_path, correlation=text)).correlation.sources
    assert {name: (found.weight, found.on_trial) for name, found in sources.items()} == {
        "known": (0.9, True),
        "fresh": (0.7, True),
        "live": (0.7, False),
    }


def test_an_adapter_of_the_file_is_no_unknown_source(tmp_path: Path) -> None:
    text = """\
unknown_sources: reject
webhook_adapters:
  - {name: box, fields: {victim_ip: "$.ip"}}
"""
    settings = load(make(tmp_path, correlation=text)).correlation
    assert settings.is_known("box")
    assert not settings.is_known("stranger")
