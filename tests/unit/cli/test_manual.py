"""The pages that are generated from the parser."""

import re
import subprocess
from pathlib import Path

from prefixd.cli import manual
from tests.kit.require import binary

ROOT = Path(__file__).resolve().parents[3]


def test_the_manual_in_docs_is_the_one_of_this_parser() -> None:
    assert (ROOT / "docs/cli.md").read_text() == manual.markdown(), (
        "python -m prefixd.cli.manual markdown > docs/cli.md"
    )


def test_links_of_the_manual_have_their_heading() -> None:
    text = manual.markdown()
    headings = {
        line.lstrip("# ").replace(" ", "-") for line in text.splitlines() if line.startswith("### ")
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) == headings


def test_the_man_page_is_clean_roff(tmp_path: Path) -> None:
    page = tmp_path / "prefixdctl.1"
    page.write_text(manual.man())
    done = subprocess.run(
        [binary("groff"), "-man", "-Tutf8", "-ww", "-z", str(page)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stderr == ""
