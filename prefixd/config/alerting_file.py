"""alerting.yaml: which destinations get which alerts.

Every destination has an `id`. A file of the earlier daemon has none: its destinations are named
after their type (`slack`, `slack-2`, ...) in the order of the file.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from prefixd.config.introspect import doc_of, keys_of
from prefixd.config.kinds import Listing
from prefixd.config.schema import Key, OneOf, Section, field_defaults, key
from prefixd.config.secrets import STARS
from prefixd.notify.settings import TYPE_WORDS, AlertSettings, Destination
from prefixd.setting import Live

MATCH: Section[dict[str, object]] = Section(
    dict,
    [replace(entry, default=frozenset()) for entry in keys_of(Destination, "match")],
    doc="Which alerts, by what they are about.",
)
RATE: Section[dict[str, object]] = Section(
    dict,
    keys_of(Destination, "rate"),
    doc="Bounds on what one storm can send.",
    defaults=Destination,
)


def _common_keys() -> Iterator[Key]:
    """The keys of every destination; two sections of their own are kept in one class."""
    for entry in keys_of(Destination):
        if entry.name == "resolve":
            yield key("match", MATCH, MATCH.doc)
        if entry.name == "group_wait_seconds":
            yield key("rate", RATE, RATE.doc)
        yield replace(entry, default="") if entry.name == "id" else entry


UNNAMED = "?"
"""Begins an id that `number_ids` still has to give."""


def _destination(target: type[Any], name: str) -> Section[Destination]:
    keys = keys_of(target)
    own_fields = {entry.field for entry in keys}

    def build(
        *, match: dict[str, object], rate: dict[str, object], **fields: object
    ) -> Destination:
        own = {word: fields.pop(word) for word in list(fields) if word in own_fields}
        if STARS in own.values():
            raise ValueError(f"a secret is still {STARS}: write the secret, or keep the id")
        fields["id"] = fields["id"] or f"{UNNAMED}{name}"
        return Destination(target=target(**own), **match, **rate, **fields)  # type: ignore[arg-type]  # the keys are made of these fields

    return Section(
        build,
        [*_common_keys(), *keys],
        doc=doc_of(target),
        identity="id",
        defaults={**field_defaults(Destination), **field_defaults(target)},
    )


DESTINATION: OneOf[Destination] = OneOf(
    "type", {name: _destination(target, name) for target, name in TYPE_WORDS.items()}
)
ALERTING = Section(
    lambda destinations, **fields: AlertSettings(destinations=number_ids(destinations), **fields),
    [
        key(
            "destinations",
            Listing(kind=DESTINATION, unique=False),
            "Where alerts are sent.",
            default=(),
        ),
        *keys_of(AlertSettings),
    ],
    live=Live.LIVE,
    defaults=AlertSettings,
)


def number_ids(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """Give every destination without an id one that is free."""
    taken = {found.id for found in destinations}
    numbered = []
    for found in destinations:
        if found.id.startswith(UNNAMED):
            name, count = found.id.removeprefix(UNNAMED), 1
            free = name
            while free in taken:
                count += 1
                free = f"{name}-{count}"
            taken.add(free)
            numbered.append(replace(found, id=free))
        else:
            numbered.append(found)
    return tuple(numbered)
