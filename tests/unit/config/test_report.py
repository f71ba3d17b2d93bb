"""What `prefixd check` prints."""

from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.config.problem import ConfigError
from prefixd.config.report import render_problems, render_summary
from tests.unit.config.directories import MAIN, ROOT, load, make, problems


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
