"""prefixd.yaml: the shared token, the router id, dynamic ranges, and the earlier daemon's keys."""

from pathlib import Path

import pytest

from tests.unit.config.directories import MAIN, PLAYBOOKS, load, make, texts

SHORT = "must be at least 16 characters long"


def with_auth(directory: Path, auth: str) -> Path:
    return make(directory, prefixd=MAIN.replace("{mode: none}", f"{{{auth}}}"))


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        ("mode: bearer, bearer_token: fifteen-letters", "bearer_token"),
        ("mode: bearer, bearer_token_env: FLOW_TOKEN", "bearer_token_env"),
        ("mode: bearer, bearer_token_file: token", "bearer_token_file"),
        ("mode: bearer", "bearer_token_env"),
    ],
)
def test_a_short_token_is_refused_wherever_it_comes_from(
    tmp_path: Path, auth: str, key: str
) -> None:
    short = "fifteen-letters"
    (tmp_path / "token").write_text(short)
    (tmp_path / "token").chmod(0o600)
    (text,) = texts(with_auth(tmp_path, auth), FLOW_TOKEN=short, PREFIXD_API_TOKEN=short)
    assert f"http.auth.{key}: {SHORT}" in text
    assert short not in text.removeprefix(f"http.auth.{key}")


def test_an_empty_token_is_called_empty(tmp_path: Path) -> None:
    (text,) = texts(with_auth(tmp_path, 'mode: bearer, bearer_token: ""'))
    assert "http.auth.bearer_token: must not be empty" in text


def test_router_id_zero_is_refused(tmp_path: Path) -> None:
    (text,) = texts(make(tmp_path, prefixd=MAIN.replace("192.0.2.250", "0.0.0.0")))
    assert "prefixd.yaml:7:14: bgp.router_id: must be an IPv4 address other than 0.0.0.0" in text


NEIGHBOR = """\
  neighbors:
    - {name: edge1, address: 192.0.2.1, peer_asn: 64500, export: {}, afi_safi: [%s]}
"""
BLACKHOLE = PLAYBOOKS.replace("rate_bps: 20000000, ", "").replace("police", "blackhole")


def test_a_blackhole_that_no_neighbor_can_carry_is_refused(tmp_path: Path) -> None:
    main = MAIN + NEIGHBOR % "ipv4-flowspec"
    (text,) = texts(make(tmp_path, prefixd=main, playbooks=BLACKHOLE))
    assert text == (
        "playbooks.yaml:5:9: playbooks[0].steps[0]: a blackhole step needs a neighbor with a "
        "unicast family, and none has one; add ipv4-unicast or ipv6-unicast to afi_safi of a "
        "neighbor in prefixd.yaml, or write action: discard"
    )


@pytest.mark.parametrize("families", ["ipv4-flowspec, ipv4-unicast", "ipv6-unicast"])
def test_a_blackhole_with_a_unicast_neighbor_loads(tmp_path: Path, families: str) -> None:
    load(make(tmp_path, prefixd=MAIN + NEIGHBOR % families, playbooks=BLACKHOLE))


def test_a_blackhole_before_there_are_neighbors_loads(tmp_path: Path) -> None:
    load(make(tmp_path, playbooks=BLACKHOLE))


def test_a_dynamic_range_has_the_keys_of_a_neighbor(tmp_path: Path) -> None:
    ranges = (
        "  dynamic_neighbors:\n"
        "    - {name: edges, prefix: 192.0.2.0/24, peer_asn: [64501, 64502], profile: frr}\n"
    )
    (found,) = load(make(tmp_path, prefixd=MAIN + ranges)).bgp.dynamic
    assert found.max_peers == 16
    assert found.template.peer_asns == {64501, 64502}
    assert found.template.profile == "frr"


@pytest.mark.parametrize(
    ("storage", "env"),
    [
        ("driver: postgres, connection_string: 'postgres://flow@db/flow'", {}),
        ("driver: postgres, path: /ignored.db", {"DATABASE_URL": "postgresql://flow@db/flow"}),
        ("driver: sqlite", {}),
        ("driver: sqlite, path: /var/lib/prefixd/prefixd.db", {}),
    ],
)
def test_keys_of_the_earlier_storage_section_that_agree_are_warnings(
    tmp_path: Path, storage: str, env: dict[str, str]
) -> None:
    config = load(make(tmp_path, prefixd=MAIN + f"storage: {{{storage}}}\n"), **env)
    found = [str(problem) for problem in config.warnings if "storage" in problem.path]
    assert found
    assert all("has no effect; connection_string names the database" in text for text in found)


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (
            "driver: postgres",
            "storage.driver: contradicts connection_string; write connection_string: "
            "postgres://user@host/database",
        ),
        (
            "driver: sqlite, path: /srv/old.db",
            "storage.path: contradicts connection_string; write connection_string: "
            "sqlite:///srv/old.db",
        ),
        (
            "path: data/old.db",
            "storage.path: contradicts connection_string; write connection_string: "
            "sqlite:data/old.db",
        ),
        (
            "driver: mysql",
            "storage.driver: must be sqlite or postgres; write connection_string instead",
        ),
    ],
)
def test_keys_of_the_earlier_storage_section_that_contradict_say_what_to_write(
    tmp_path: Path, storage: str, said: str
) -> None:
    found = texts(make(tmp_path, prefixd=MAIN + f"storage: {{{storage}}}\n"))
    assert len(found) == 1
    assert said in found[0]
