"""Every shape is filled completely, with the types that the OpenAPI document promises."""

import msgspec
import pytest

from prefixd.api import render, shapes
from prefixd.domain.account import Operator
from prefixd.domain.actor import Role
from prefixd.domain.audit import AuditRow
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import PortRange
from prefixd.domain.safelist import EntrySource, SafelistEntry
from tests.kit import rows

AT_US = 1_767_225_600_000_000


def a_safelist_entry() -> SafelistEntry:
    prefix = Prefix.parse("192.0.2.0/24")
    assert prefix is not None
    return SafelistEntry(prefix=prefix, source=EntrySource.API, added_at_us=AT_US, added_by="ann")


@pytest.mark.parametrize(
    "shown",
    [
        render.mitigation(rows.a_mitigation()),
        render.event(rows.a_record()),
        render.group(rows.a_group()),
        render.group_detail(rows.a_group(evidence=(rows.some_evidence(),))),
        render.correlation(rows.a_group()),
        render.decision(rows.a_decision()),
        render.safelist_entry(a_safelist_entry()),
        render.audit_entry(
            AuditRow(entry=rows.an_entry(), chain="fra1", number=1, previous_hash="0", hash="1")
        ),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_what_is_sent_can_be_read_back_as_its_own_type(shown: msgspec.Struct) -> None:
    sent = msgspec.json.encode(shown)
    again = msgspec.json.decode(sent, type=type(shown))
    assert msgspec.json.encode(again) == sent


def test_a_field_comes_from_the_first_value_that_has_it() -> None:
    class Other(msgspec.Struct):
        pop: str
        name: str

    class Shown(msgspec.Struct):
        pop: str
        name: str
        status: str

    found = render.shaped(Shown, Other("fra1", "x"), rows.a_mitigation(), status="mine")
    assert found == Shown(pop="fra1", name="x", status="mine")


def test_a_time_is_written_in_utc_with_microseconds_and_may_be_absent() -> None:
    class Shown(msgspec.Struct):
        created_at: str
        last_login_at: str | None

    person = Operator(
        operator_id="1", username="ann", password_hash="", role=Role.ADMIN, created_at_us=AT_US
    )
    assert render.shaped(Shown, person) == Shown("2026-01-01T00:00:00.000000Z", None)


def test_few_ports_are_listed_and_of_many_only_the_ends() -> None:
    assert render.listed_ports((PortRange(53, 53), PortRange(80, 82))) == [53, 80, 81, 82]
    assert render.listed_ports((PortRange(1, 1000),)) == [1, 1000]


def test_an_id_we_made_up_is_not_shown_as_the_senders() -> None:
    assert render.external_id("auto:1") is None
    assert render.external_id("det-1") == "det-1"


def test_an_ended_mitigation_shows_why_it_ended() -> None:
    ended = rows.a_mitigation(ended_by="ann", end_reason="false alarm", reason="udp flood")
    assert render.mitigation(ended).reason == "ann: false alarm"
    expired = rows.a_mitigation(ended_by="system", end_reason="expired", reason="udp flood")
    assert render.mitigation(expired).reason == "udp flood"


def test_a_page_names_its_array_and_the_envelope() -> None:
    assert shapes.GroupPage.__struct_fields__ == ("groups", "count", "next_cursor", "has_more")
