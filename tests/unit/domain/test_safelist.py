"""What must never be filtered."""

import pytest

from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from tests.kit.builders import NOW_US, SECOND, a_prefix, a_safelist

LIST = a_safelist("198.51.100.0/24", "198.51.100.128/25", "192.0.2.1", "2001:db8::/32")


@pytest.mark.parametrize(
    ("prefix", "entry"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("198.51.100.200", "198.51.100.128/25"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.1/32"),
        ("0.0.0.0/0", "192.0.2.1/32"),
        ("2001:db8:ffff::1", "2001:db8::/32"),
        ("192.0.2.2", None),
        ("192.0.2.2/31", None),
        ("203.0.113.0/24", None),
        ("2001:db9::1", None),
    ],
)
def test_a_rule_touches_what_it_lies_in_and_what_lies_in_it(prefix: str, entry: str | None) -> None:
    found = LIST.touched_by(a_prefix(prefix), NOW_US)
    assert (None if found is None else str(found.prefix)) == entry


def test_w69_an_entry_that_ran_out_protects_nothing_and_the_wider_one_still_does() -> None:
    def entry(text: str, expires_at_us: int | None) -> SafelistEntry:
        return SafelistEntry(
            prefix=a_prefix(text),
            source=EntrySource.API,
            added_at_us=NOW_US,
            added_by="alice",
            expires_at_us=expires_at_us,
        )

    safelist = Safelist([entry("192.0.2.1", NOW_US + SECOND), entry("192.0.2.0/24", None)])
    at_first = safelist.touched_by(a_prefix("192.0.2.1"), NOW_US)
    later = safelist.touched_by(a_prefix("192.0.2.1"), NOW_US + SECOND)
    assert at_first is not None
    assert later is not None
    assert (at_first.prefix.length, later.prefix.length) == (32, 24)


def test_one_prefix_may_be_listed_by_several_sources() -> None:
    mine = a_safelist("192.0.2.1").entries[0]
    theirs = a_safelist("192.0.2.1", source=EntrySource.CONFIG).entries[0]
    assert len(Safelist([mine, theirs]).entries) == 2
    assert Safelist([theirs]).touched_by(a_prefix("192.0.2.1"), NOW_US) is theirs


def test_an_empty_list_touches_nothing() -> None:
    assert Safelist().touched_by(a_prefix("0.0.0.0/0"), NOW_US) is None
