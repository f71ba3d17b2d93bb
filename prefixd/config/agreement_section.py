"""`correlation:` of a playbook or a customer: other demands on agreement than the general ones."""

from prefixd.config.kinds import AT_LEAST_ONE, NAME, SECONDS, SHARE, Listing, Whole
from prefixd.config.schema import Section, key
from prefixd.domain.agreement import Agreement, Bypass

BYPASS = Section(
    Bypass,
    [
        key("source", NAME, "The source that is trusted alone."),
        key("min_confidence", SHARE, "Its report needs at least this confidence."),
        key("min_bps", Whole(), "And at least this volume.", unit="bit/s", default_text="none"),
        key("min_pps", Whole(), "And at least this rate.", unit="packet/s", default_text="none"),
    ],
    doc="A trusted source whose overwhelming report is enough by itself.",
)

AGREEMENT = Section(
    Agreement,
    [
        key("min_sources", AT_LEAST_ONE, "Sources that must agree.",
            default_text="the general value"),
        key("min_primary_sources", AT_LEAST_ONE, "Primary sources among them.",
            default_text="the general value"),
        key("confidence_threshold", SHARE, "Combined confidence that is enough.",
            default_text="the general value"),
        key("confidence_decay_half_life_seconds", SECONDS, "Half-life of a report; 0: no decay.",
            field="half_life_s", unit="s", default_text="the general value"),
        key("bypass", Listing(kind=BYPASS), "Sources that suffice alone."),
    ],
    doc="Demands on agreement between sources.",
)  # fmt: skip
