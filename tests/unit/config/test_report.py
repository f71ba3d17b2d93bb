"""What `prefixd check` prints, what `prefixd init` writes, and what the reference says."""

from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.config.bundle import FILE_NAMES
from prefixd.config.problem import ConfigError, parse_path, path_text
from prefixd.config.redact import settings_view
from prefixd.config.reference import render_reference
from prefixd.config.report import render_problems, render_summary
from prefixd.config.sample import SampleRefused, write_sample
from tests.unit.config.directories import GOLDEN, MAIN, ROOT, load, make, problems


def test_the_reference_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == render_reference(), "run: python -m prefixd.config.reference > the page"


def test_the_reference_names_every_key_of_the_samples() -> None:
    page = render_reference()
    for name in ("`local_asn`", "`max_active_per_pop`", "`rate_bps`", "`webhook_url_env`"):
        assert name in page
    assert "| `max_ports` | whole number, 1 to 1024 | `8` | live |" in page
    assert "object at 0x" not in page


def test_problems_are_listed_errors_first_with_a_count(tmp_path: Path) -> None:
    main = MAIN.replace("mode: mock", "mode: mock\n  gobgp_grpc: x\n  local_as: 1")
    text = render_problems(problems(make(tmp_path, prefixd=main)))
    first, second, last = text.splitlines()
    assert first.startswith("error: prefixd.yaml:7:3: bgp.local_as: unknown key")
    assert second.startswith("warning: prefixd.yaml:6:3: bgp.gobgp_grpc: has no effect")
    assert last == "1 error, 1 warning"
    assert render_problems(()) == ""


def test_a_thousand_mistakes_do_not_fill_the_screen(tmp_path: Path) -> None:
    inventory = "customers:\n" + "  - {customer_id: a, name: b, prefix: c, prefixes: [d]}\n" * 500
    found = problems(make(tmp_path, inventory=inventory))
    assert len(found) == 1000
    lines = render_problems(found).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "1000 errors, 0 warnings"
    assert str(ConfigError(found)).endswith("  and 900 more")


def test_the_summary_says_what_would_run() -> None:
    text = render_summary(load_config(ROOT / "configs", {}))
    assert "mode         enforced, but bgp.mode is mock: rules stay in memory" in text
    assert "api          http://127.0.0.1:8080, auth none" in text
    assert "inventory    3 customers with 5 prefixes, 3 services, 5 assets" in text


def test_the_summary_lists_neighbors(tmp_path: Path) -> None:
    main = MAIN.replace("mode: mock", "mode: speaker") + (
        "  neighbors:\n"
        "    - {name: edge1, address: 192.0.2.1, peer_asn: 64500, profile: junos, export: {}}\n"
        "    - {name: edge2, address: '2001:db8::2', peer_asn: 64501, password: x}\n"
    )
    text = render_summary(load(make(tmp_path, prefixd=main)))
    assert "edge1 192.0.2.1 AS 64500 iBGP, junos, ipv4-flowspec, ipv6-flowspec, no password" in text
    assert "edge2 2001:db8::2 AS 64501 eBGP, generic" in text
    assert "MD5, bridge, nothing announced: no export section" in text


def test_a_sample_is_written_and_loads(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "etc"
    written = write_sample(directory)
    assert [path.name for path in written] == list(FILE_NAMES)
    assert load_config(directory, {}).warnings == ()


def test_a_sample_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("mine\n")
    with pytest.raises(SampleRefused, match=r"already has inventory\.yaml.*nothing was written"):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.yaml"]


def test_a_sample_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SampleRefused, match="is not a directory"):
        write_sample(tmp_path / "file")
    with pytest.raises(SampleRefused, match="cannot be made"):
        write_sample(tmp_path / "file" / "below")


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


@pytest.mark.parametrize("path", [("bgp", "neighbors", 0, "name"), ("customers", 12), ("pop",), ()])
def test_paths_go_round(path: tuple[str | int, ...]) -> None:
    assert parse_path(path_text(path)) == path
