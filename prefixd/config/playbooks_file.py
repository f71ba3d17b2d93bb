"""playbooks.yaml: which attack gets which answer, in which steps.

Whether a playbook makes sense (rates, TTL bounds, steps that repeat, playbooks that are never
reached) is `prefixd.policy.playbook.problems`, asked by `check.py`.
"""

import re

from prefixd.config.inventory_file import AGREEMENT
from prefixd.config.kinds import (
    ADDRESS,
    NAME,
    PREFIX,
    SECONDS,
    SHARE,
    Flag,
    Listing,
    Spelled,
    Text,
    Whole,
    Word,
)
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import OneOf, Section, gone, key
from prefixd.config.spellings import VECTOR
from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.rule import (
    MAX_DSCP,
    MIN_POLICE_BPS,
    Action,
    Blackhole,
    Discard,
    Mark,
    Police,
    Redirect,
)
from prefixd.domain.vector import Vector
from prefixd.policy.playbook import MAX_NAME, MAX_TTL_S, Playbook, PlaybookMatch, PortMode, Step
from prefixd.setting import Live

PAIR = Spelled(
    lambda text: text if re.fullmatch(r"[0-9]{1,10}:[0-9]{1,10}", text) else None,
    'two numbers such as "64500:100"',
)


class Vectors:
    """One vector, or a list of them."""

    def read(self, value: object, reader: Reader) -> tuple[Vector, ...] | Bad:
        if isinstance(value, list):
            return Listing(kind=VECTOR, minimum=1).read(value, reader)
        one = VECTOR.read(value, reader)
        return BAD if isinstance(one, Bad) else (one,)

    def describe(self) -> str:
        return "vector, or a list of them"


MATCH = Section(
    PlaybookMatch,
    [
        key("vector", Vectors(), "Which attack; left out: any.", field="vectors",
            default_text="any"),
        key("require_top_ports", Flag(), "Only events that carry ports."),
        key("min_bps", Whole(), "Only attacks of at least this volume.", unit="bit/s",
            default_text="any"),
        key("min_pps", Whole(), "Only attacks of at least this rate.", unit="packet/s",
            default_text="any"),
        key("customers", Listing(kind=NAME), "Only victims of these customers.",
            field="customer_ids"),
        key("services", Listing(kind=NAME), "Only victims of these services.",
            field="service_ids"),
        key("profiles", Listing(kind=Word(PolicyProfile)), "Only customers of these profiles."),
        key("tags", Listing(kind=NAME), "Only customers with one of these tags."),
        key("prefixes", Listing(kind=PREFIX), "Only victims inside these prefixes."),
    ],
    doc="Which attacks. Everything given must hold.",
)  # fmt: skip

_CONDITIONS = (
    key("ttl_seconds", Whole(maximum=MAX_TTL_S), "Lifetime of the rule; each report renews it; "
        "0: timers.default_ttl_seconds.", field="ttl_s", unit="s"),
    key("require_confidence_at_least", SHARE, "Only from this confidence on; not on the first "
        "step.", field="require_confidence", default=None),
    key("require_persistence_seconds", SECONDS, "Only when the attack lasts this long; not on "
        "the first step.", field="require_persistence_s", default=None, unit="s"),
)  # fmt: skip


def _step(make: type[Action], **fields: object) -> Step:
    own = {name: fields.pop(name) for name in list(fields) if name not in _STEP_FIELDS}
    return Step(action=make(**own), **fields)  # type: ignore[arg-type]  # each table names exactly the fields of its action and of Step


_STEP_FIELDS = ("ttl_s", "require_confidence", "require_persistence_s")

STEP: OneOf[Step] = OneOf(
    "action",
    {
        "police": Section(
            lambda **fields: _step(Police, **fields),
            [
                key("rate_bps", Whole(minimum=MIN_POLICE_BPS), "What is let through.",
                    unit="bit/s"),
                *_CONDITIONS,
            ],
            doc="Let a limited rate through.",
        ),
        "discard": Section(
            lambda **fields: _step(Discard, **fields),
            [gone("rate_bps", "a discard lets nothing through"), *_CONDITIONS],
            doc="Drop everything that matches.",
        ),
        "redirect": Section(
            lambda **fields: _step(Redirect, **fields),
            [
                key("route_target", PAIR, "Route target of the VRF to send it to.", default=None),
                key("next_hop", ADDRESS, "Or the address to send it to.", default=None),
                *_CONDITIONS,
            ],
            doc="Send it elsewhere, for instance to a scrubber.",
        ),
        "mark": Section(
            lambda **fields: _step(Mark, **fields),
            [key("dscp", Whole(maximum=MAX_DSCP), "The code point."), *_CONDITIONS],
            doc="Set the DSCP.",
        ),
        "blackhole": Section(
            lambda **fields: _step(Blackhole, **fields),
            [
                key("communities", Listing(kind=PAIR, minimum=1), "Communities of the route.",
                    default=Blackhole().communities),
                *_CONDITIONS,
            ],
            doc="Drop all traffic to the victim, by a unicast host route (RTBH).",
        ),
    },
)  # fmt: skip

PLAYBOOK = Section(
    Playbook,
    [
        key("name", Text(maximum=MAX_NAME), "Unique."),
        key("match", MATCH, "Which attacks."),
        key("correlation", AGREEMENT, "Other demands on agreement for these attacks.",
            default=None, default_text="as in correlation.yaml"),
        key("steps", Listing(kind=STEP, minimum=1, unique=False),
            "What is done: the first at once, later ones as the attack goes on."),
        key("ports", Word(PortMode), "How a service's allowed ports shape the rule."),
        key("match_tcp_flags", Flag(), "For floods of SYN, ACK or RST: match only packets with "
            "those flags."),
        key("require_approval", Flag(), "Wait for an operator before acting."),
        key("priority", Whole(maximum=1000), "Of its rules when a router has no room for all."),
    ],
    doc="The first playbook that matches decides.",
    identity="name",
)  # fmt: skip

PLAYBOOKS = Section(
    lambda playbooks: playbooks,
    [key("playbooks", Listing(kind=PLAYBOOK, minimum=1, unique=False), "In order.")],
    live=Live.LIVE,
)
