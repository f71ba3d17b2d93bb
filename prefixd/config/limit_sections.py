"""`guardrails:`, `quotas:`, `timers:` and `escalation:` of prefixd.yaml.

Operators think in these four sections; the classes they feed are the guardrails' Limits, the
policy's settings and one field of the engine's. So each section yields the fields that were given,
and `assemble.py` puts them together.
"""

from prefixd.config.kinds import (
    AT_LEAST_ONE,
    PREFIX,
    SECONDS,
    SHARE,
    Flag,
    Listing,
    Number,
    Spelled,
    Text,
    Whole,
)
from prefixd.config.reader import Bad, Live, Reader
from prefixd.config.schema import Fields, Section, field_defaults, given, gone, key
from prefixd.domain.rule import MIN_POLICE_BPS, PortRange
from prefixd.engine.settings import EngineSettings
from prefixd.guardrails.limits import Limits, ProtectedFlow
from prefixd.policy.playbook import MAX_TTL_S, Escalation, PolicySettings

TTL = Whole(minimum=1, maximum=MAX_TTL_S)
LENGTH_V4 = Whole(maximum=32)
LENGTH_V6 = Whole(maximum=128)


class _Quota:
    """A whole number, or `unlimited`."""

    def read(self, value: object, reader: Reader) -> int | Bad | None:
        if value == "unlimited":
            return None
        return AT_LEAST_ONE.read(value, reader)

    def describe(self) -> str:
        return "whole number ≥ 1, or `unlimited`"


QUOTA = _Quota()


def _port_range(text: str) -> PortRange | None:
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        return None
    found = PortRange(int(low), int(high or low))
    return found if 0 < found.low <= found.high <= 65535 else None


class _PortRangeKind:
    """A port, or `"1000-2000"`."""

    def read(self, value: object, reader: Reader) -> PortRange | Bad:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return Spelled(_port_range, 'a port or a range such as "3784-3785"').read(text, reader)

    def describe(self) -> str:
        return 'port or `"low-high"`'


PROTECTED_FLOW = Section(
    ProtectedFlow,
    [
        key("name", Text(), "What a refusal says to people."),
        key("dst", PREFIX, "Destination.", default_text="any"),
        key("src", PREFIX, "Source.", default_text="any"),
        key("protocol", Whole(maximum=255), "IP protocol.", default_text="any"),
        key("dst_ports", Listing(kind=_PortRangeKind()), "Destination ports.",
            default_text="any"),
        key("src_ports", Listing(kind=_PortRangeKind()), "Source ports.", default_text="any"),
    ],
    doc="Traffic that no rule may touch.",
)  # fmt: skip

GUARDRAILS: Section[Fields] = Section(
    given,
    [
        key("require_ttl", Flag(), "Refuse rules without a time to live."),
        key("min_ttl_seconds", TTL, "Shortest time to live.", field="min_ttl_s", unit="s",
            default_text="timers.min_ttl_seconds"),
        key("max_ttl_seconds", TTL, "Longest time to live.", field="max_ttl_s", unit="s",
            default_text="timers.max_ttl_seconds"),
        key("dst_prefix_minlen", LENGTH_V4, "Shortest IPv4 destination.",
            field="dst_prefix_min_length_v4"),
        key("dst_prefix_maxlen", LENGTH_V4, "Longest IPv4 destination.",
            field="dst_prefix_max_length_v4"),
        key("dst_prefix_minlen_v6", LENGTH_V6, "Shortest IPv6 destination.",
            field="dst_prefix_min_length_v6"),
        key("dst_prefix_maxlen_v6", LENGTH_V6, "Longest IPv6 destination.",
            field="dst_prefix_max_length_v6"),
        key("max_ports", Whole(minimum=1, maximum=1024), "Most ports or port ranges in a rule."),
        key("min_police_bps", Whole(minimum=MIN_POLICE_BPS), "Lowest rate of a policer.",
            unit="bit/s"),
        key("require_owned", Flag(), "Detectors may only report addresses of the inventory."),
        key("max_discard_share", SHARE, "Share of our own addresses that one dropping rule may "
            "cover."),
        key("allow_src_prefix_match", Flag(), "Allow rules that name a source prefix."),
        key("allow_tcp_flags_match", Flag(), "Allow rules that name TCP flags."),
        key("allow_fragment_match", Flag(), "Allow rules that name fragments."),
        key("allow_packet_length_match", Flag(), "Allow rules that name packet lengths."),
        key("protected_flows", Listing(kind=PROTECTED_FLOW, unique=False),
            "Traffic that no rule may touch; our own BGP sessions always are."),
    ],
    doc="Hard limits; a rule that breaks one is refused.",
    live=Live.LIVE,
    defaults=Limits,
)  # fmt: skip

QUOTAS: Section[Fields] = Section(
    given,
    [
        key("max_active_per_customer", QUOTA, "Live mitigations of one customer."),
        key("max_active_per_pop", QUOTA, "Live mitigations of this site."),
        key("max_active_global", QUOTA, "Live mitigations of all sites."),
        key("max_new_per_minute", QUOTA, "New mitigations a minute."),
        key("max_announcements_per_peer", QUOTA, "Rules announced to one peer."),
    ],
    doc="How many mitigations there may be.",
    live=Live.LIVE,
    defaults=Limits,
)

_TIMER_DEFAULTS = {
    **field_defaults(Limits),
    "default_ttl_s": field_defaults(PolicySettings)["default_ttl_s"],
    "reconcile_interval_s": field_defaults(EngineSettings)["reconcile_interval_s"],
}
TIMERS: Section[Fields] = Section(
    given,
    [
        key("default_ttl_seconds", TTL, "For steps whose ttl_seconds is 0.",
            field="default_ttl_s", unit="s"),
        key("min_ttl_seconds", TTL, "Shortest time to live.", field="min_ttl_s", unit="s"),
        key("max_ttl_seconds", TTL, "Longest time to live.", field="max_ttl_s", unit="s"),
        key("reconciliation_interval_seconds", Number(minimum=1, maximum=86_400),
            "How often what routers hold is compared with what they should.",
            field="reconcile_interval_s", unit="s", live=Live.RESTART),
        key("quiet_period_after_withdraw_seconds", SECONDS, "After a withdrawal by hand the same "
            "rule is not made again for this long.", field="quiet_period_after_withdraw_s",
            unit="s"),
        key("max_lifetime_seconds", SECONDS, "Longest life of a mitigation, extensions "
            "included; 0: no bound.", field="max_lifetime_s", unit="s"),
        gone("correlation_window_seconds", "set window_seconds in correlation.yaml"),
    ],
    doc="Times that have no better home.",
    live=Live.LIVE,
    defaults=_TIMER_DEFAULTS,
)  # fmt: skip

ESCALATION: Section[Fields] = Section(
    given,
    [
        key("enabled", Flag(), "false keeps every mitigation at its first step."),
        key("min_persistence_seconds", SECONDS, "What a later step needs when it says nothing.",
            field="min_persistence_s", unit="s"),
        key("min_confidence", SHARE, "What a later step needs when it says nothing."),
        key("max_escalated_duration_seconds", SECONDS, "Longest remaining life of a mitigation "
            "that escalates.", field="max_escalated_duration_s", unit="s"),
        key("relaxed_confidence", SHARE, "From here on a customer of profile relaxed starts with "
            "the discard."),
    ],
    doc="When later steps of a playbook are taken.",
    live=Live.LIVE,
    defaults={
        **field_defaults(Escalation),
        "relaxed_confidence": field_defaults(PolicySettings)["relaxed_confidence"],
    },
)  # fmt: skip
