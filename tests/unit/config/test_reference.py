"""What docs/configuration.md says of every key."""

from prefixd.config.reference import render_reference
from tests.unit.config.directories import ROOT


def test_the_reference_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == render_reference(), "run: python -m prefixd.config.reference > the page"


def test_the_reference_names_every_key_of_the_samples() -> None:
    page = render_reference()
    for name in ("`local_asn`", "`max_active_per_pop`", "`rate_bps`", "`webhook_url_env`"):
        assert name in page
    assert "| `max_ports` | whole number, 1 to 1024 | `8` | live |" in page
    assert "object at 0x" not in page
