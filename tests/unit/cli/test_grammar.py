"""The table of commands: complete, consistent, and the source of every page about it."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from prefixd.api.app import ROUTES, account_routes
from prefixd.api.config import AlertRoutes, ConfigRoutes
from prefixd.cli import main as module
from prefixd.cli.client import Client
from prefixd.cli.failure import Failure
from prefixd.cli.grammar import GLOBAL_ARGUMENTS, Argument, Command
from prefixd.cli.target import Cookies, choose_target
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import GRAMMAR

ROOT = Path(__file__).resolve().parents[3]
EACH = pytest.mark.parametrize(
    "command", module.COMMANDS, ids=lambda command: "-".join(command.path)
)

# What the API offers to programs only.
NOT_FOR_OPERATORS = {
    "/metrics": "Prometheus asks it",
    "/v1/preferences": "steers the dashboard only",
    "/v1/ws/feed": "the dashboard's form of /v1/feed",
    "/v1/health/ready": "load balancers ask it; `status` says the same",
}


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
    words = filled(command)
    parser = GRAMMAR
    before = parser.parse_args(["-f", "json", *words])
    after = parser.parse_args([*words, "-f", "json"])
    assert (before.format, after.format) == ("json", "json")
    assert before.command is after.command is command


def filled(command: Command) -> list[str]:
    """The shortest legal command line."""
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
    return [*command.path, *fillers, *required]


@EACH
def test_no_argument_is_stored_where_a_global_option_is(command: Command) -> None:
    """`tokens revoke NAME` once sent the name as the bearer token."""
    taken = {_destination(argument) for argument in GLOBAL_ARGUMENTS}
    taken |= {"command", "parser", "root", "watch"}
    assert taken & {_destination(argument) for argument in command.arguments} == set()


def _destination(argument: Argument) -> str:
    long = [name for name in argument.names if name.startswith("--")]
    given = argument.options.get("dest") or (long or argument.names)[0]
    return str(given).lstrip("-").replace("-", "_")


MODES = {
    "none": ([], {}, (None, None)),
    "flag before": (["-t", "SECRET"], {}, ("SECRET", None)),
    "flag over environment": (["-t", "SECRET"], {"PREFIXD_API_TOKEN": "other"}, ("SECRET", None)),
    "environment": ([], {"PREFIXD_API_TOKEN": "SECRET"}, ("SECRET", None)),
    "context": (["-C", "lab"], {"PREFIXD_API_TOKEN": "other"}, ("of-lab", None)),
    "session": ([], {"PREFIXD_API": "http://signed-in"}, (None, "cookie")),
}


@EACH
@pytest.mark.parametrize("mode", MODES)
def test_every_verb_uses_the_given_token_or_session(
    command: Command, mode: str, tmp_path: Path
) -> None:
    options, more, expected = MODES[mode]
    environ = {"HOME": str(tmp_path), **more}
    contexts = tmp_path / ".config/prefixd/ctl.yaml"
    contexts.parent.mkdir(parents=True)
    contexts.write_text("contexts: {lab: {api: 'http://lab', token: of-lab}}\n")
    Cookies(environ).put("http://signed-in", "cookie")
    for words in ([*options, *filled(command)], [*filled(command), *options]):
        target = choose_target(GRAMMAR.parse_args(words), environ)
        client = Client(target, FakeClock(), Cookies(environ).get(target.api))
        assert (client.target.token, client.cookie) == expected


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
    unused: Any = None  # only the tables are read
    accounts = account_routes(
        unused, secure_cookie=unused, session_idle_s=1, alert_events=frozenset()
    )
    routes = [
        *ROUTES,
        *accounts,
        *ConfigRoutes(unused).routes(),
        *AlertRoutes(unused).routes(),
    ]
    offered = {re.sub(r"\{[^}]*\}", "*", route.path) for route in routes}
    missing = offered - asked - set(NOT_FOR_OPERATORS)
    assert missing == set()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "-1", "pops"], "invalid time '-1': must be 0.001 to 86400 seconds"),
        (["--timeout", "nan", "pops"], "invalid time 'nan'"),
        (["--timeout", "inf", "pops"], "invalid time 'inf'"),
        (["pops", "--watch", "0"], "invalid interval '0': must be 0.2 to 86400 seconds"),
        (["pops", "--watch", "-5"], "invalid interval '-5'"),
    ],
)
def test_times_that_cannot_be_are_usage_errors(words: list[str], said: str) -> None:
    with pytest.raises(Failure) as raised:
        GRAMMAR.parse_args(words)
    assert raised.value.code == 2
    assert said in raised.value.message


def test_abbreviations_are_refused() -> None:
    """A script that abbreviates breaks on the day a second flag begins alike."""
    with pytest.raises(Failure):
        GRAMMAR.parse_args(["mitigations", "list", "--stat", "x"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "unknown command 'statsu'; did you mean `stats`?"),
        (["mitigation", "list"], "unknown command 'mitigation'; did you mean `mitigations`?"),
        (["mitigations", "lst"], "unknown command 'lst'; did you mean `list`?"),
        (["qqqq"], "unknown command 'qqqq'"),
        (["request", "FOO", "/v1/stats"], "argument METHOD: invalid choice: 'FOO' (choose"),
    ],
)
def test_a_misspelt_command_is_guessed(words: list[str], said: str) -> None:
    with pytest.raises(Failure) as raised:
        GRAMMAR.parse_args(words)
    assert raised.value.code == 2
    assert raised.value.message.startswith(said)
