"""The table of commands: complete, consistent, and the source of every page about it."""

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefixd.api.app import ROUTES, account_routes
from prefixd.api.config import AlertRoutes, ConfigRoutes
from prefixd.cli import main as module
from prefixd.cli import manual
from prefixd.cli.failure import Failure
from prefixd.cli.grammar import Command
from tests.kit.clock import FakeClock
from tests.kit.require import binary

ROOT = Path(__file__).resolve().parents[3]
EACH = pytest.mark.parametrize(
    "command", module.COMMANDS, ids=lambda command: "-".join(command.path)
)

# What the API offers to others than operators at a keyboard.
NOT_FOR_HANDS = {
    "/metrics": "Prometheus asks it",
    "/v1/preferences": "steers the dashboard only",
    "/v1/ws/feed": "the dashboard's form of /v1/feed",
    "/v1/health/ready": "load balancers ask it; `status` says the same",
}


GRAMMAR = module.build_grammar()


def run(*words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = module.run(
        words, io.StringIO(), out, err, {"HOME": "/nonexistent", **environ}, FakeClock()
    )
    return code, out.getvalue(), err.getvalue()


@EACH
def test_every_example_is_a_legal_command_line(command: Command) -> None:
    parser = GRAMMAR
    own = []
    for line in command.example.replace("; ", "\n").splitlines():
        found = re.search(r"prefixdctl (.*?)(?: >.*|\))?$", line)
        if found:
            own.append(parser.parse_args(shlex.split(found.group(1))).command)
    assert command in own


@EACH
def test_every_command_explains_itself(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        GRAMMAR.parse_args([*command.path, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "example:" in text
    assert command.example.splitlines()[0] in text
    for argument in command.arguments:
        assert argument.options.get("help"), argument.names


@EACH
def test_global_options_stand_before_or_after(command: Command) -> None:
    words = shlex.split(manual.synopsis(command))[1 : 1 + len(command.path)]
    fillers = [
        ("x" if "choices" not in argument.options else argument.options["choices"][0])
        for argument in command.arguments
        if not argument.names[0].startswith("-") and argument.options.get("nargs") not in {"?", "*"}
    ]
    fillers = ["read" if "permission" in word else word for word in fillers]
    if command.path == ("mitigations", "extend"):
        fillers[1] = "60"
    required = [
        word
        for argument in command.arguments
        if argument.options.get("required")
        for word in (argument.names[0], "x")
    ]
    parser = GRAMMAR
    before = parser.parse_args(["-f", "json", *words, *fillers, *required])
    after = parser.parse_args([*words, *fillers, *required, "-f", "json"])
    assert (before.format, after.format) == ("json", "json")
    assert before.command is after.command is command


def test_every_noun_is_described() -> None:
    assert {command.path[0] for command in module.COMMANDS if len(command.path) == 2} == set(
        module.NOUNS
    )


def test_everything_the_api_can_do_has_a_command() -> None:
    """Every path of the route tables is asked for by some command."""
    source = "".join(path.read_text() for path in (ROOT / "prefixd/cli").glob("*.py"))
    asked = {re.sub(r"\{[^}]*\}", "*", path) for path in re.findall(r'"(/v1/[^"]*)"', source)}
    asked |= {f"/v1/config/{part}" for part in ("settings", "inventory", *("playbooks",))}
    asked |= {"/v1/config/correlation", "/v1/config/alerting"}
    nobody: Any = None  # only the tables are read
    accounts = account_routes(
        nobody, secure_cookie=nobody, session_idle_s=1, alert_events=frozenset()
    )
    routes = [
        *ROUTES,
        *accounts,
        *ConfigRoutes(nobody).routes(),
        *AlertRoutes(nobody).routes(),
    ]
    offered = {re.sub(r"\{[^}]*\}", "*", route.path) for route in routes}
    missing = offered - asked - set(NOT_FOR_HANDS)
    assert missing == set()


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


def test_help_needs_no_http() -> None:
    """What keeps the start quick: HTTP, TLS, YAML and argcomplete are loaded when needed."""
    code = (
        "import sys; from prefixd.cli.main import build_grammar; build_grammar();"
        " heavy = {'http.client', 'ssl', 'yaml', 'aiohttp', 'msgspec', 'asyncio', 'subprocess',"
        " 'argcomplete'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_wrong_word_is_code_2_and_names_the_help() -> None:
    code, out, err = run("mitigations", "list", "--bogus")
    assert (code, out) == (2, "")
    assert err.startswith("error: unrecognized arguments: --bogus\n")
    assert "--help" in err


def test_a_noun_alone_shows_what_it_has() -> None:
    code, out, _ = run("tokens")
    assert code == 2
    assert "revoke" in out


def test_an_unreachable_service_is_code_3() -> None:
    code, out, err = run("-a", "http://127.0.0.1:1", "pops")
    assert (code, out) == (3, "")
    assert "cannot reach http://127.0.0.1:1: connection refused" in err


def test_risks_are_said_aloud() -> None:
    _, _, err = run("-a", "http://192.0.2.1:1", "-t", "x", "--timeout", "0.01", "pops")
    assert "warning: the token is sent unencrypted" in err
    _, _, err = run("-a", "https://127.0.0.1:1", "--insecure", "pops")
    assert "warning: --insecure" in err


def test_abbreviations_are_refused() -> None:
    """A script that abbreviates breaks on the day a second flag begins alike."""
    with pytest.raises(Failure):
        GRAMMAR.parse_args(["mitigations", "list", "--stat", "x"])
