"""A page that lies is a bug: links resolve; commands, endpoints, metrics that pages name exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from prefixd.__main__ import COMMANDS
from prefixd.api.app import ROUTES
from prefixd.api.problem import CODES
from prefixd.cli.failure import Failure
from prefixd.cli.main import COMMANDS as CLIENT_COMMANDS
from prefixd.cli.main import build_grammar
from prefixd.notify.settings import AlertEvent
from prefixd.observability.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "prefixd"
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


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "adr" not in page.parts and page.name != "CHANGELOG.md"],
    ids=named,
)
def test_source_files_that_pages_name_exist(page: Path) -> None:
    """Decision records and the changelog speak of their day; every other page speaks of today."""
    files = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.py)`", page.read_text())) - {
        "prefixd/x/y.py", "tests/unit/x/test_y.py"
    }  # fmt: skip
    gone = [each for each in files if not any((base / each).exists() for base in (ROOT, PACKAGE))]
    assert sorted(gone) == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_targets_and_commands_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets
    assert set(re.findall(r"`prefixd ([a-z-]+)", text)) <= set(COMMANDS)


MANUAL = ROOT / "docs" / "cli.md"  # made from the grammar, with its brackets


@pytest.mark.parametrize("page", [page for page in PAGES if page != MANUAL], ids=named)
def test_lines_for_the_client_are_understood_by_it(page: Path) -> None:
    assert [line for line in client_lines(page.read_text()) if not understood(line)] == []


def client_lines(text: str) -> list[str]:
    """What stands behind `prefixdctl` in code, without what a shell would do with it."""
    blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
    spans = re.findall(r"`(prefixdctl [^`]+)`", FENCE.sub("", text).replace("\n", " "))
    lines = re.findall(r"^\s*(?:\$ )?(prefixdctl .*)$", blocks, re.MULTILINE) + spans
    return [re.split(r" #| \| ?| > |;| && |  +\(", line)[0].strip() for line in lines]


def understood(line: str) -> bool:
    words = shlex.split(line)[1:]
    if words == ["--help"] or any(
        tuple(words) == command.path[: len(words)] for command in CLIENT_COMMANDS
    ):
        return True  # only named: `prefixdctl mitigations`
    if "--help" in words:
        return any(tuple(words[: len(c.path)]) == c.path for c in CLIENT_COMMANDS)
    try:
        build_grammar().parse_args(words)
    except (Failure, SystemExit):
        return False
    return True


def test_a_wrong_line_would_be_noticed() -> None:
    assert understood("prefixdctl mitigations withdraw ID --reason 'two words'")
    assert understood("prefixdctl mitigations")
    assert not understood("prefixdctl mitigations remove ID")
    assert not understood("prefixdctl peers --quick")


KEY = re.compile(r"`([a-z_]+(?:\[\])?(?:\.[a-z_]+(?:\[\])?)+)(?::[^`]*)?`")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_configuration_keys_that_pages_name_exist(page: Path) -> None:
    keys = configuration_keys()
    sections = {key.partition(".")[0] for key in keys}
    words = {word.replace("[]", "") for word in KEY.findall(page.read_text())}
    named_here = {word for word in words if word.partition(".")[0] in sections}
    files = {word for word in named_here if word.endswith((".yaml", ".py", ".md"))}
    others = {str(event) for event in AlertEvent} | {"bgp.wire", "bgp.fsm", "bgp.rib"}
    assert named_here - files - keys - others == set()


def configuration_keys() -> set[str]:
    """Dotted, from the generated reference: sections by their headings, keys by their rows."""
    keys: set[str] = set()
    section = ""
    for line in (ROOT / "docs" / "configuration.md").read_text().splitlines():
        if heading := re.match(r"### `([^`,]+)", line):
            section = heading[1].replace("[]", "") + "."
            keys.add(section[:-1])
        elif line.startswith("## "):
            section = ""
        elif row := re.match(r"\| `([a-z_]+)` \|", line):
            keys.add(section + row[1])
    return keys


ALERTS = ROOT / "packaging" / "prometheus" / "alerts.yml"


def test_alerts_and_runbooks_name_each_other() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    runbook = {
        rule["alert"]: rule["annotations"]["runbook"] for group in groups for rule in group["rules"]
    }
    for page in PAGES:
        assert set(re.findall(r"`(Prefixd[A-Z]\w+)`", page.read_text())) <= set(runbook), page
    silent = [
        alert for alert, page in runbook.items() if alert not in (ROOT / "docs" / page).read_text()
    ]
    assert silent == []


def test_every_page_is_reached_from_the_index() -> None:
    start = ROOT / "docs" / "index.md"
    reached, waiting = {start}, [start]
    while waiting:
        page = waiting.pop()
        for target in LINK.findall(FENCE.sub("", page.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            found = (page.parent / target.partition("#")[0]).resolve()
            if found.suffix == ".md" and found.exists() and found not in reached:
                reached.add(found)
                waiting.append(found)
    assert [named(page) for page in PAGES if "docs" in page.parts and page not in reached] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_metrics_that_pages_name_exist(page: Path) -> None:
    declared = {metric.name for metric in Metrics().declared}
    declared |= {f"{name}{end}" for name in declared for end in ("_bucket", "_sum", "_count")}
    words = set(re.findall(r"\bprefixd_[a-z_]+[a-z]\b", text_without_paths(page)))
    assert {word for word in words if not word.endswith(("_sh", "_test"))} <= declared


def text_without_paths(page: Path) -> str:
    return re.sub(r"\S*[/.]prefixd_\S*|prefixd_\w+\.(?:sh|py|db)\S*", "", page.read_text())


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    missing = [m.name for m in Metrics().declared if f"`{m.name}`" not in page]
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
