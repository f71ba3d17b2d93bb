"""What one value says against another: each contradiction has a sentence and a place."""

from pathlib import Path

import pytest

from prefixd.config.problem import Severity
from tests.unit.config.directories import INVENTORY, MAIN, PLAYBOOKS, load, make, texts

SPEAKER = MAIN.replace("mode: mock", "mode: speaker")


def neighbor(**keys: object) -> str:
    values = {"name": "edge1", "address": "192.0.2.1", "peer_asn": 64500, "export": "{}", **keys}
    return "    - {" + ", ".join(f"{name}: {value}" for name, value in values.items()) + "}\n"


def with_neighbors(*entries: str) -> str:
    return SPEAKER + "  neighbors:\n" + "".join(entries)


def warnings(directory: Path) -> list[str]:
    return [str(found) for found in load(directory).warnings]


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (MAIN.replace("none", "mtls"), "http.auth.mode: mtls needs TLS; give http.tls"),
        (
            MAIN.replace("{mode: none}", "{mode: mtls}\n  tls: {cert_path: a, key_path: b}"),
            "http.tls: mode mtls needs ca_path",
        ),
        (
            MAIN.replace("{mode: none}", "{mode: mtls}\n  tls: {cert_path: a, key_path: b}"),
            "http.auth.mtls: no certificate name has a role",
        ),
        (
            with_neighbors(neighbor(), neighbor(address="192.0.2.2")),
            "bgp.neighbors[1]: has the same name as entry 0: 'edge1'",
        ),
        (
            with_neighbors(neighbor(), neighbor(name="edge2")),
            "bgp.neighbors[1]: neighbor edge2: another neighbor has address 192.0.2.1",
        ),
        (
            with_neighbors(neighbor(ttl_security=1, multihop=5)),
            "bgp.neighbors[0]: neighbor edge1: ttl_security and multihop exclude each other",
        ),
        (
            with_neighbors(neighbor(timers="{hold_time_seconds: 2}")),
            "the hold time is 0 or lies between 3 and 65535 seconds",
        ),
        (
            with_neighbors(neighbor(restart="{policy: hold}")),
            "give hold_reason",
        ),
        (
            with_neighbors(neighbor(profile="juniper")),
            "bgp.neighbors[0].profile: must be a router profile",
        ),
        (
            with_neighbors(neighbor(afi_safi="[ipv4-flowspc]")),
            "did you mean ipv4-flowspec?",
        ),
        (
            SPEAKER.replace("mode: speaker", 'mode: speaker\n  listen: "[::]:8080"'),
            "http.listen: port 8080 is also in bgp.listen",
        ),
        (
            MAIN + "timers: {reconciliation_interval_seconds: 0}\n",
            "must be from 1 to 86400",
        ),
        (
            MAIN.replace("auth:", "tls: {cert_path: a, key_path: missing.pem}\n  auth:"),
            "http.tls.key_path: ",
        ),
        (MAIN + "quotas: {max_active_global: 0}\n", "quotas.max_active_global: must be at least 1"),
        (MAIN + "guardrails: {dst_prefix_maxlen: 33}\n", "must be from 0 to 32"),
        (MAIN.replace("auth:", "listen: nowhere\n  auth:"), "http.listen: must be an address"),
        (MAIN.replace("auth:", "rate_limit: {burst: 0}\n  auth:"), "burst: must be at least 1"),
    ],
)
def test_contradictions_of_prefixd_yaml(tmp_path: Path, main: str, message: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("")
    found = texts(make(tmp_path, prefixd=main))
    assert any(message in text for text in found), found
    assert all(text.startswith("prefixd.yaml:") for text in found)


@pytest.mark.parametrize(
    ("playbooks", "message"),
    [
        (
            PLAYBOOKS.replace("180", "86400"),
            "playbooks[0].steps[0].ttl_seconds: 86400 is outside the guardrail's 30..1800",
        ),
        (
            PLAYBOOKS + PLAYBOOKS.removeprefix("playbooks:\n").replace("udp\n", "udp2\n"),
            "playbooks[1].match: is never reached: 'udp' before it takes every attack",
        ),
        (
            PLAYBOOKS + PLAYBOOKS.removeprefix("playbooks:\n").replace("udp_flood", "syn_flood"),
            "playbooks[1].name: 'udp' is also playbooks[0]",
        ),
        (
            PLAYBOOKS.replace(
                "ttl_seconds: 180", "ttl_seconds: 180, require_persistence_seconds: 5"
            ),
            "the first step is taken at once and can have no conditions",
        ),
        (PLAYBOOKS.replace("20000000", "999"), "rate_bps: must be at least 1000 (got 999)"),
        (
            PLAYBOOKS.replace("match:", "match_tcp_flags: true\n    match:"),
            "playbooks[0].match_tcp_flags: every rule of it would be refused; "
            "set guardrails.allow_tcp_flags_match in prefixd.yaml",
        ),
        (PLAYBOOKS.replace("police", "polise"), "did you mean police?"),
        ("playbooks: []\n", "playbooks: must have at least 1 entries"),
    ],
)
def test_playbooks_that_make_no_sense(tmp_path: Path, playbooks: str, message: str) -> None:
    found = texts(make(tmp_path, playbooks=playbooks))
    assert any(message in text for text in found), found
    assert all(text.startswith("playbooks.yaml:") for text in found)


SECOND = """\
  - customer_id: cust_b
    name: Customer B
    prefixes: ["203.0.113.0/24"]
    services:
      - service_id: web
        name: Web
        assets: [{ip: 203.0.113.80}]
"""


@pytest.mark.parametrize(
    ("inventory", "message"),
    [
        (INVENTORY + SECOND.replace("cust_b", "cust_a"), "'cust_a' is listed twice"),
        (
            INVENTORY + SECOND.replace("203.0.113.0/24", "198.51.100.0/24"),
            "198.51.100.0/24 already belongs to customer 'cust_a'",
        ),
        (INVENTORY.replace("198.51.100.0/24", "198.51.100.0/33"), "must be an IP prefix"),
        (
            INVENTORY + "    correlation: {confidence_threshold: 7}\n",
            "customers[0].correlation.confidence_threshold: must be from 0 to 1",
        ),
    ],
)
def test_inventories_with_two_answers(tmp_path: Path, inventory: str, message: str) -> None:
    found = texts(make(tmp_path, inventory=inventory))
    assert any(message in text for text in found), found
    assert all(text.startswith("inventory.yaml:") for text in found)


def test_an_asset_outside_its_customer_is_a_warning(tmp_path: Path) -> None:
    inventory = INVENTORY + SECOND.replace("ip: 203.0.113.80", "ip: 192.0.2.80")
    (text,) = warnings(make(tmp_path, inventory=inventory))
    assert text.startswith(
        "inventory.yaml:11:23: customers[1].services[0].assets[0].ip: 192.0.2.80"
    )


ADAPTER = """\
enabled: true
webhook_adapters:
  - name: box-b
    auth: {type: bearer}
    fields: {victim_ip: "$.dst"}
"""


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        (ADAPTER.replace("$.dst", "$..["), "webhook_adapters[0].fields.victim_ip"),
        (ADAPTER.replace("victim_ip", "bps"), "fields.victim_ip: is required"),
        (ADAPTER.replace("bearer}", "hmac}"), "auth.secret_env: hmac requires a secret"),
        (ADAPTER.replace("bearer}", "none}"), "none requires allow_from"),
        (ADAPTER + "    vector_map: {UDP: udp}\n", "vector_map.UDP: must be udp_flood, syn_flood"),
        (ADAPTER + ADAPTER.partition("adapters:\n")[2], "has the same name as entry 0: 'box-b'"),
        ("enabled: true\nwindow_seconds: 0\n", "window_seconds: must be at least 1"),
        ("enabled: true\nconfidence_threshold: 1.5\n", "must be from 0 to 1"),
        ("enabled: true\nsources: {a: {weight: -1}}\n", "sources.a.weight: must be from 0 to 10"),
        (
            "enabled: true\nsources: {a: {mode: corroborating}}\n",
            "sources.a.match_dimensions",
        ),
        (
            "default_weight: 0.5\ndefault_source: {weight: 0.7}\n",
            "default_weight and default_source exclude each other",
        ),
        (
            "sensors: {deception: [{name: trap}]}\n",
            "sensors.deception[0]: has no input",
        ),
    ],
)
def test_correlation_that_cannot_work(tmp_path: Path, correlation: str, message: str) -> None:
    found = texts(make(tmp_path, correlation=correlation))
    assert any(message in text for text in found), found
    assert all(text.startswith("correlation.yaml:") for text in found)


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("{type: slack}", "destinations[0]: one of webhook_url, webhook_url_env, webhook_url_file "
         "is required"),
        ("{type: slak}", "destinations[0].type: must be slack, discord, teams, telegram, "
         "pagerduty, opsgenie or generic (got 'slak'); did you mean slack?"),
        ("{type: slack, webhook_url: 'http://a.example/x'}", "must start with https://"),
        ("{type: slack, webhook_url: 'https://10.1.2.3/x'}", "must not be a private"),
        ("{type: slack, webhook_url: '***'}", "a secret is still ***"),
        ("{type: generic, url: 'https://a.example/', headers: {Host: x}}", "prefixd sets itself"),
        ("{type: generic, url: 'https://a.example/', events: [mitigation.creatd]}",
         "events[0]: is not an event (got 'mitigation.creatd'); did you mean mitigation.created?"),
        ("{type: opsgenie, api_key: k, region: uk}", "must be us or eu"),
        ("{type: telegram, bot_token: t}", "chat_id is required"),
    ],
)  # fmt: skip
def test_destinations_that_cannot_work(tmp_path: Path, destination: str, message: str) -> None:
    found = texts(make(tmp_path, alerting=f"destinations:\n  - {destination}\n"))
    assert any(message in text for text in found), found
    assert all(text.startswith("alerting.yaml:2:") for text in found)


def test_an_id_may_be_taken_once(tmp_path: Path) -> None:
    one = "{id: noc, type: discord, webhook_url: 'https://a.example/x'}"
    (text,) = texts(make(tmp_path, alerting=f"destinations:\n  - {one}\n  - {one}\n"))
    assert "alerting.yaml:3:" in text
    assert "destinations[1].id: 'noc' is also the id of destinations[0]" in text


def test_private_chat_servers_can_be_allowed(tmp_path: Path) -> None:
    text = (
        "allow_private: [10.20.0.0/16]\n"
        "destinations: [{type: generic, url: 'https://10.20.1.1/x'}]\n"
    )
    assert load(make(tmp_path, alerting=text)).alerting.destinations[0].id == "generic"


def test_open_doors_and_silent_routers_are_warnings(tmp_path: Path) -> None:
    main = with_neighbors(
        "    - {name: edge1, address: 192.0.2.1, peer_asn: 64500}\n",
        neighbor(name="edge2", address="192.0.2.2"),
    )
    main = main.replace("auth:", 'listen: "0.0.0.0:8080"\n  auth:')
    found = warnings(make(tmp_path, prefixd=main))
    assert len(found) == 2
    assert "none lets anyone who reaches 0.0.0.0:8080 do everything" in found[0]
    assert "neighbor edge1 has no export section: nothing is announced to it" in found[1]


@pytest.mark.parametrize(("mode", "warned"), [("deny", 0), ("monitor", 0), ("accept", 1)])
def test_accepting_rules_promises_more_than_is_done(tmp_path: Path, mode: str, warned: int) -> None:
    main = with_neighbors(
        "    - name: edge1\n"
        "      address: 192.0.2.1\n"
        "      peer_asn: 64500\n"
        "      export: {}\n"
        f"      accept: {{mode: {mode}, destinations: [192.0.2.0/24]}}\n"
    )
    found = warnings(make(tmp_path, prefixd=main))
    assert sum("they do not become mitigations" in text for text in found) == warned


def test_enforced_without_neighbors_is_a_warning(tmp_path: Path) -> None:
    found = warnings(make(tmp_path, prefixd=SPEAKER + "mode: enforced\n"))
    assert any("no neighbor is configured: rules go nowhere" in text for text in found)


def test_a_playbook_for_nobody_is_a_warning(tmp_path: Path) -> None:
    playbooks = PLAYBOOKS.replace("udp_flood}", "udp_flood, customers: [cust_x], tags: [gold]}")
    found = warnings(make(tmp_path, playbooks=playbooks))
    assert [text.partition(": ")[2] for text in found] == [
        "playbooks[0].match.customers: 'cust_x' is not in the inventory: never matches",
        "playbooks[0].match.tags: 'gold' is not in the inventory: never matches",
    ]


def test_a_safelist_that_covers_a_customer_is_a_warning(tmp_path: Path) -> None:
    (text,) = warnings(make(tmp_path, prefixd=MAIN + "safelist: {prefixes: [198.51.0.0/16]}\n"))
    assert "covers 198.51.100.0/24 of customer 'cust_a'" in text


def test_warnings_do_not_keep_from_loading(tmp_path: Path) -> None:
    config = load(make(tmp_path, prefixd=MAIN + "timers: {correlation_window_seconds: 5}\n"))
    assert [found.severity for found in config.warnings] == [Severity.WARNING]


def test_a_misnamed_file_is_a_warning(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "corelation.yaml").write_text("enabled: true\n")
    (tmp_path / "notes.yaml").write_text("- buy milk\n")
    assert warnings(tmp_path) == [
        "corelation.yaml: is not a file that prefixd reads; did you mean correlation.yaml?"
    ]


def test_tls_files_start_at_the_directory(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("")
    main = MAIN.replace("auth:", "tls: {cert_path: cert.pem, key_path: cert.pem}\n  auth:")
    tls = load(make(tmp_path, prefixd=main)).api.tls
    assert tls is not None
    assert tls.cert_path == tmp_path / "cert.pem"


def test_routers_and_our_addresses_are_infrastructure(tmp_path: Path) -> None:
    main = with_neighbors(neighbor(local_address="192.0.2.9"))
    config = load(make(tmp_path, prefixd=main + "safelist: {infrastructure: [192.0.2.128/25]}\n"))
    found = {str(entry.prefix): entry.reason for entry in config.safelist.infrastructure}
    assert found == {
        "192.0.2.128/25": "declared as infrastructure",
        "192.0.2.1/32": "router edge1",
        "192.0.2.9/32": "our address towards edge1",
        "192.0.2.250/32": "our router id",
    }
    names = {flow.name for flow in config.limits.protected_flows}
    assert "the BGP session with edge1" in names
    entries = config.safelist.entries(5)
    assert {str(entry.prefix) for entry in entries} == set(found)
    assert {entry.source.value for entry in entries} == {"infrastructure"}


def test_rules_are_withdrawn_on_exit_when_they_are_not_to_be_preserved(tmp_path: Path) -> None:
    main = with_neighbors(neighbor(), neighbor(name="e2", address="192.0.2.2", stop_mode="hard"))
    config = load(make(tmp_path, prefixd=main + "shutdown: {preserve_announcements: false}\n"))
    modes = [peer.stop_mode.value for peer in config.bgp.peers if peer.stop_mode is not None]
    assert modes == ["withdraw", "hard"]


def test_the_next_start_finds_how_this_one_ended_beside_the_database(tmp_path: Path) -> None:
    def marker(main: str) -> str:
        return load(make(tmp_path, prefixd=main)).bgp.restart_marker

    speaker = with_neighbors(neighbor())
    at_home = "storage: {connection_string: 'sqlite:///srv/p/lab.db'}\n"
    assert marker(speaker + at_home) == "/srv/p/lab.restart.json"
    assert marker(SPEAKER + "  restart_marker: /x/y.json\n" + at_home) == "/x/y.json"
    assert marker(MAIN + at_home) == ""  # a mock speaks with nobody
    assert marker(speaker + "storage: {connection_string: 'sqlite::memory:'}\n") == ""


QUIET = MAIN.replace("mode: mock", "mode: speaker\n  listen: []")
EDGE = "    - {name: edge%d, address: 192.0.2.%d, peer_asn: 64500%s}\n"


@pytest.mark.parametrize(
    ("main", "refused"),
    [
        (QUIET + "  neighbors:\n" + EDGE % (1, 1, ""), True),
        (QUIET + "  neighbors:\n" + EDGE % (1, 1, "") + EDGE % (2, 2, ""), True),
        (QUIET + "  neighbors:\n" + EDGE % (1, 1, "") + EDGE % (2, 2, ", export: {}"), False),
        (QUIET + "  neighbors:\n" + EDGE % (1, 1, ", accept: {mode: monitor}"), False),
        (QUIET + "  neighbors:\n" + EDGE % (1, 1, ", enabled: false"), False),
        (MAIN + "  neighbors:\n" + EDGE % (1, 1, ""), False),
    ],
)
def test_a_speaker_that_could_announce_nothing_is_refused(
    tmp_path: Path, main: str, refused: bool
) -> None:
    """What `prefixdctl import gobgp-conf` prints without --export is such a section."""
    directory = make(tmp_path, prefixd=main)
    if not refused:
        load(directory)
        return
    (text,) = texts(directory)
    assert "bgp.neighbors: no neighbor has an export section: nothing is announced" in text
    assert "`export: {}` at a neighbor" in text
