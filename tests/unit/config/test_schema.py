"""Tables of keys, and that none of them has drifted from the class it feeds."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefixd.api.settings import ApiSettings
from prefixd.auth.settings import AuthSettings
from prefixd.bgp.settings import SpeakerSettings
from prefixd.config.introspect import secret_keys
from prefixd.config.kinds import (
    HOST_PORT,
    PREFIX,
    Flag,
    Listing,
    Number,
    Table,
    Text,
    Whole,
)
from prefixd.config.reader import BAD, Reader
from prefixd.config.reference import FILES, inner_sections
from prefixd.config.schema import OneOf, Section, gone, key
from prefixd.config.secrets import Expanded
from prefixd.correlation.settings import CorrelationSettings
from prefixd.engine.settings import EngineSettings
from prefixd.guardrails.limits import Limits
from prefixd.notify.settings import AlertSettings
from prefixd.policy.playbook import Escalation, PolicySettings
from prefixd.setting import Live
from prefixd.signals.settings import WebhookAdapterSettings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    name: str
    spokes: int = 32
    pressure: float = 4.5
    lock: str | None = dataclasses.field(default=None, repr=False)


WHEEL = Section(
    Wheel,
    [
        key("name", Text(), "Name."),
        key("spokes", Whole(minimum=1), "Spokes.", live=Live.RESTART),
        key("pressure_bar", Number(), "Pressure.", field="pressure", unit="bar"),
        *secret_keys("lock", "Combination."),
        gone("chain", "belts need none"),
    ],
    identity="name",
)


def read(section: Any, tree: object, **env: str) -> tuple[Any, Reader]:
    reader = Reader(env, Path("/nonexistent"))
    return section.read(tree, reader), reader


def messages(reader: Reader) -> list[str]:
    return [
        f"{'.'.join(map(str, found.steps))}: {found.message}"
        + (f" (got {found.value})" if found.value else "")
        for found in reader.problems
    ]


def test_a_section_builds_its_class_and_leaves_defaults_to_it() -> None:
    wheel, reader = read(WHEEL, {"name": "front", "pressure_bar": 5})
    assert wheel == Wheel(name="front", pressure=5.0)
    assert reader.problems == []


def test_all_mistakes_of_a_section_are_collected() -> None:
    wheel, reader = read(WHEEL, {"spokes": 0, "pressure_bar": "high", "presure_bar": 1, "chain": 1})
    assert wheel is BAD
    assert messages(reader) == [
        "spokes: must be at least 1 (got 0)",
        "pressure_bar: must be a number, not text (got 'high')",
        "presure_bar: unknown key",
        "chain: has no effect",
        ": name is required",
    ]
    assert reader.problems[2].hint == "did you mean pressure_bar?"


def test_effective_values_include_defaults_and_star_secrets() -> None:
    _, reader = read(Section(given_wheels, [key("wheels", Listing(kind=WHEEL), "Wheels.")]), {
        "wheels": [{"name": "front", "lock": "0000"}],
    })  # fmt: skip
    found = reader.named_effective()
    assert found["wheels[front].spokes"].value == 32
    assert found["wheels[front].spokes"].live is Live.RESTART
    assert found["wheels[front].lock"].shown() == "***"
    assert "0000" not in repr(found)


def given_wheels(wheels: tuple[Wheel, ...]) -> tuple[Wheel, ...]:
    return wheels


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lock_env": "LOCK"}, "lock_env: environment variable LOCK is not set"),
        ({"lock_env": "two words"}, "lock_env: must be the name of a variable (got ***)"),
        ({"lock_file": "lock"}, "lock_file: /nonexistent/lock cannot be read: no such file"),
        ({"lock": "1", "lock_env": "HOME"}, "lock_env: sets lock a second time"),
        ({"lock": 1234}, "lock: must be text, not a whole number (got ***)"),
    ],
)
def test_secrets_that_cannot_be_had(given: dict[str, object], message: str) -> None:
    wheel, reader = read(WHEEL, {"name": "front", **given}, HOME="/root")
    assert wheel is BAD
    assert messages(reader)[0].startswith(message)
    assert "1234" not in "".join(messages(reader))


def test_a_secret_by_variable_and_by_file(tmp_path: Path) -> None:
    assert read(WHEEL, {"name": "a", "lock_env": "LOCK"}, LOCK=" 1234\n")[0].lock == "1234"
    (tmp_path / "lock").write_text("5678\n")
    (tmp_path / "lock").chmod(0o600)
    reader = Reader({}, tmp_path)
    wheel = WHEEL.read({"name": "a", "lock_file": "lock"}, reader)
    assert isinstance(wheel, Wheel)
    assert wheel.lock == "5678"
    assert reader.problems == []


def test_a_secret_file_that_everybody_may_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("5678\n")
    (tmp_path / "lock").chmod(0o644)
    reader = Reader({}, tmp_path)
    WHEEL.read({"name": "a", "lock_file": "lock"}, reader)
    (warning,) = reader.problems
    assert "can be read by every user" in warning.message
    assert warning.hint == f"chmod o-r {tmp_path}/lock"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Whole(maximum=5), 6, "must be from 0 to 5"),
        (Whole(), True, "must be a whole number, not true or false"),
        (Whole(), 1.0, "must be a whole number, not a number with a fraction"),
        (Number(above_minimum=True), 0, "must be above 0"),
        (Number(maximum=1.0), 1.1, "must be from 0 to 1"),
        (Number(), float("nan"), "must be a finite number"),
        (Flag(), "yes", "must be true or false"),
        (Text(maximum=3), "four", "must be at most 3 characters long"),
        (Text(), "a\nb", "must not contain control characters"),
        (Text(), "", "must not be empty"),
        (Listing(kind=Text()), "x", "must be a list, not text"),
        (Listing(kind=Text()), ["a", "b", "a"], "has the same value as entry 0: 'a'"),
        (Listing(kind=Text(), minimum=2), ["a"], "must have at least 2 entries"),
        (Table(Text(), Text()), [], "must be a section, not a list"),
        (PREFIX, "192.0.2.7/24", "must be an IP prefix such as 192.0.2.0/24"),
        (PREFIX, 10, "must be an IP prefix such as 192.0.2.0/24, not a whole number"),
        (HOST_PORT, "8080", 'must be an address with a port such as "127.0.0.1:8080"'),
        (HOST_PORT, "::1:80", 'must be an address with a port such as "127.0.0.1:8080"'),
        (HOST_PORT, "localhost:70000", 'must be an address with a port such as "127.0.0.1:8080"'),
    ],
)
def test_values_that_are_refused(kind: Any, value: object, message: str) -> None:
    found, reader = read(kind, value)
    assert found is BAD
    assert reader.problems[0].message == message


@pytest.mark.parametrize(
    ("text", "pair"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::]:179", ("::", 179)), (":80", ("", 80))],
)
def test_addresses_with_ports(text: str, pair: tuple[str, int]) -> None:
    assert read(HOST_PORT, text)[0] == pair


def test_an_expanded_variable_is_shown_as_it_is_spelled() -> None:
    _, reader = read(Whole(), Expanded.of("hidden", "${NUMBER}"))
    assert reader.problems[0].value == "'${NUMBER}'"


def sections() -> Iterator[tuple[str, Section[Any]]]:
    def walk(
        path: str, section: Section[Any], seen: set[int]
    ) -> Iterator[tuple[str, Section[Any]]]:
        if id(section) in seen:
            return
        seen.add(id(section))
        yield path, section
        for entry in section.keys:
            for inner_path, inner in inner_sections(f"{path}.{entry.name}", entry.kind):
                yield from walk(inner_path, inner, seen)

    for name, _, section in FILES:
        yield from walk(name, section, set())


ALL = list(sections())


@pytest.mark.parametrize(("path", "section"), ALL, ids=[path for path, _ in ALL])
def test_keys_and_fields_agree(path: str, section: Section[Any]) -> None:
    """No key sets a field that does not exist; no field of a settings class lacks a key."""
    if not (isinstance(section.build, type) and dataclasses.is_dataclass(section.build)):
        return
    fields = {field.name for field in dataclasses.fields(section.build)}
    keys = {entry.field for entry in section.keys if entry.replaced_by is None}
    assert keys - fields == set()
    assert fields - keys <= UNBOUND.get(section.build.__name__, set())


UNBOUND = {
    "Playbook": {"version"},  # counted by whoever stores them
    "MainFile": set(),
}


def test_every_field_of_the_speaker_has_a_key() -> None:
    bgp = dict(ALL)["prefixd.yaml.bgp"]
    keys = {entry.field for entry in bgp.keys}
    assert {field.name for field in dataclasses.fields(SpeakerSettings)} <= keys


@pytest.mark.parametrize(
    ("settings", "paths", "unbound"),
    [
        (ApiSettings, ["prefixd.yaml.http"], set()),
        (
            Limits,
            ["prefixd.yaml.guardrails", "prefixd.yaml.quotas", "prefixd.yaml.timers"],
            set(),
        ),
        (PolicySettings, ["prefixd.yaml.timers", "prefixd.yaml.escalation"],
         {"playbooks", "escalation"}),
        (Escalation, ["prefixd.yaml.escalation"], set()),
        (EngineSettings, ["prefixd.yaml.engine", "prefixd.yaml.timers", "prefixd.yaml.shutdown"],
         {"pop", "mode"}),
        (AuthSettings, ["prefixd.yaml.http.auth"], set()),
        (CorrelationSettings, ["correlation.yaml"], set()),
        (WebhookAdapterSettings, ["correlation.yaml.webhook_adapters[]",
                                  "correlation.yaml.webhook_adapters[].limits"], set()),
        (AlertSettings, ["alerting.yaml"], set()),
    ],
)  # fmt: skip
def test_classes_fed_by_several_sections_have_a_key_for_every_field(
    settings: type[Any], paths: list[str], unbound: set[str]
) -> None:
    found = dict(ALL)
    keys = {entry.field for path in paths for entry in found[path].keys}
    assert {field.name for field in dataclasses.fields(settings)} - keys == unbound


def test_every_key_tells_people_what_it_is_for() -> None:
    for path, section in ALL:
        for entry in section.keys:
            assert len(entry.doc) > 4, f"{path}.{entry.name}"
            if entry.replaced_by is None:
                assert entry.doc.rstrip().endswith((".", "`")), f"{path}.{entry.name}"


def test_seconds_are_called_seconds() -> None:
    for path, section in ALL:
        for entry in section.keys:
            if entry.field.endswith("_s") and entry.replaced_by is None:
                seconds = entry.name.endswith(("_seconds", "_per_second"))
                assert seconds, f"{path}.{entry.name} sets {entry.field}"


def test_the_tag_of_a_choice() -> None:
    choice: OneOf[Any] = OneOf("type", {"wheel": WHEEL})
    assert read(choice, {"type": "wheel", "name": "a"})[0] == Wheel(name="a")
    for tree, message in (
        ({"name": "a"}, ": type is required"),
        ({"type": "weel"}, "type: must be wheel (got 'weel')"),
        ("wheel", ": must be a section with keys, not text"),
    ):
        found, reader = read(choice, tree)
        assert found is BAD
        assert messages(reader) == [message]
