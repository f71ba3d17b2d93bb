"""A page that lies is a bug: links resolve; commands, endpoints, metrics that pages name exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefixd.__main__ import COMMANDS
from prefixd.api.app import ROUTES
from prefixd.api.problem import CODES
from prefixd.observability.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"```.*?```", re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve()
        if not found.exists() or (
            anchor and found.suffix == ".md" and anchor not in anchors(found)
        ):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.strip().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_targets_and_commands_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets
    assert set(re.findall(r"`prefixd ([a-z]+)", text)) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_metrics_that_pages_name_exist(page: Path) -> None:
    declared = {family.name for family in Metrics().registry.families()}
    declared |= {f"{name}{end}" for name in declared for end in ("_bucket", "_sum", "_count")}
    words = set(re.findall(r"\bprefixd_[a-z_]+[a-z]\b", text_without_paths(page)))
    assert {word for word in words if not word.endswith(("_sh", "_test"))} <= declared


def text_without_paths(page: Path) -> str:
    return re.sub(r"\S*[/.]prefixd_\S*|prefixd_\w+\.(?:sh|py|db)\S*", "", page.read_text())


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    missing = [f.name for f in Metrics().registry.families() if f"`{f.name}`" not in page]
    assert missing == []


def test_every_endpoint_and_error_code_is_documented() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    paths = {re.sub(r"{(\w+):[^}]*}", r"{\1}", route.path) for route in ROUTES}
    assert [path for path in sorted(paths) if path not in page] == []
    assert [code for code in CODES if f"`{code}`" not in page] == []


def test_generated_pages_are_current() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "prefixd.config.reference"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert made.stdout == (ROOT / "docs" / "configuration.md").read_text()
    made = subprocess.run(
        [sys.executable, "-m", "prefixd.observability.reference"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert made.stdout == (ROOT / "docs" / "metrics.md").read_text()


def test_the_readme_shows_what_the_program_says() -> None:
    readme = (ROOT / "README.md").read_text()
    help_text = subprocess.run(
        [sys.executable, "-m", "prefixd", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    for command in ("init", "check", "run"):
        assert f"prefixd {command}" in readme
        assert command in help_text
