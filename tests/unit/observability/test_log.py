import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from prefixd.observability.log import JsonFormatter, TextFormatter, configure, request_id
from tests.kit.rows import a_store


def a_record(message: str = "peer established", **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("prefixd.bgp", logging.INFO, "", 0, message, None, None)
    record.created = 1_767_225_600.5
    vars(record).update(fields)
    return record


def test_json_lines_carry_the_fields() -> None:
    line = json.loads(JsonFormatter().format(a_record(peer="edge1", hold_time_s=90)))
    assert line == {
        "time": "2026-01-01T00:00:00.500Z",
        "level": "info",
        "logger": "prefixd.bgp",
        "message": "peer established",
        "peer": "edge1",
        "hold_time_s": 90,
    }


def test_text_lines_are_for_people() -> None:
    line = TextFormatter().format(a_record(peer="edge1", reason="hold timer"))
    assert line == (
        '2026-01-01T00:00:00.500Z INFO    peer established  peer=edge1 reason="hold timer"'
    )


def test_a_list_is_joined_in_text_and_stays_a_list_in_json() -> None:
    record = a_record(families=["ipv4-flowspec"], codes=("a", "b"))
    assert TextFormatter().format(record).endswith('families=ipv4-flowspec codes="a, b"')
    assert json.loads(JsonFormatter().format(record))["codes"] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("confidence 0.90 ≥ 0.50", '"confidence 0.90 ≥ 0.50"'),
        ("Müller & Söhne", '"Müller & Söhne"'),
        ('say "x" \\ y', r'"say \"x\" \\ y"'),
        ("a\u202eb \u2028\x1b[31m", r'"a\u202eb \u2028\u001b[31m"'),
    ],
)
def test_what_can_be_printed_stays_readable(value: str, shown: str) -> None:
    """Direction marks, line separators and escape sequences cannot be printed."""
    assert TextFormatter().format(a_record(why=value)).endswith(f"  why={shown}")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_field_cannot_forge_a_second_line(formatter: logging.Formatter) -> None:
    line = formatter.format(a_record(reason="x\n2026-01-01 ERROR all is lost"))
    assert "\n" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_fields_with_telling_names_are_starred(formatter: logging.Formatter) -> None:
    line = formatter.format(a_record(webhook_secret="hunter2", Authorization="Bearer abc"))
    assert "hunter2" not in line
    assert "abc" not in line
    assert line.count("***") == 2


def test_the_request_id_of_the_context_is_added() -> None:
    token = request_id.set("req-7")
    try:
        assert json.loads(JsonFormatter().format(a_record()))["request_id"] == "req-7"
    finally:
        request_id.reset(token)
    assert "request_id" not in json.loads(JsonFormatter().format(a_record()))


def test_an_exception_keeps_its_traceback() -> None:
    record = a_record()
    try:
        raise KeyError("nlri")
    except KeyError:
        record.exc_info = sys.exc_info()
    assert "KeyError: 'nlri'" in json.loads(JsonFormatter().format(record))["exception"]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = before
    root.setLevel(level)


def test_configure_replaces_earlier_handlers(stream: io.StringIO) -> None:
    configure("json", "info", stream)
    configure("text", "warn", stream)
    logging.getLogger("prefixd.test").info("too quiet")
    logging.getLogger("prefixd.test").warning("heard", extra={"peer": "edge1"})
    assert stream.getvalue().endswith("WARNING heard  peer=edge1\n")
    assert stream.getvalue().count("\n") == 1


def test_the_pool_of_the_driver_does_not_report_each_attempt(stream: io.StringIO) -> None:
    configure("text", "debug", stream)
    logging.getLogger("asyncpg.pool").warning("Failed to restore the pool connection floor")
    assert stream.getvalue() == ""


async def test_parameters_of_statements_are_not_logged(stream: io.StringIO) -> None:
    configure("text", "debug", stream)
    async with await a_store() as store:
        await store.operators.by_username("alice-of-the-parameters")
    assert "alice-of-the-parameters" not in stream.getvalue()
