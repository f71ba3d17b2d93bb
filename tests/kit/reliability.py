"""docs/reliability.md: what was broken on purpose, and which test shows each old weakness is gone.

    python -m tests.kit.reliability           writes docs/reliability.md

`BROKEN` is read by people; `ELSEWHERE` names tests for numbers that no test carries in its name;
`OPEN` says in a sentence what is not shown. A number in none of these, nor in
docs/weaknesses.md, fails `tests/e2e/test_reliability_page.py`.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.kit.weaknesses import ROOT, claims, suite_functions, text_of

PAGE = ROOT / "docs" / "reliability.md"
NUMBERS = range(1, 87)

BROKEN: Mapping[str, tuple[str, ...]] = {
    "A flood, its rule on BIRD, GoBGP and FRR, packets counted, expiry": (
        "test_a_flood_is_dropped_at_the_router_and_flows_again_after_expiry",
        "test_a_policed_flood_keeps_to_its_rate_until_withdrawn",
    ),
    "`kill -9` at random points while detectors report": (
        "test_kill_9_at_random_points_loses_nothing_answered",
        "test_kill_9_on_postgresql_loses_nothing_answered",
    ),
    "PostgreSQL killed and restarted during ingest": (
        "test_the_database_is_killed_and_restarted_during_ingest",
    ),
    "A router killed and restarted during ingest": (
        "test_the_router_is_killed_and_restarted_during_ingest",
    ),
    "The daemon restarted once, and three times": ("test_the_daemon_is_restarted",),
    "A rule's time passes while the daemon is dead": (
        "test_a_rule_that_ends_while_the_daemon_is_dead_is_gone_after_its_start",
    ),
    "The wire to a router is cut": ("test_a_cut_wire_heals_and_the_router_catches_up",),
    "A router stops reading": ("test_a_router_that_stops_reading_delays_only_itself",),
    "A neighbour comes and goes a thousand times": (
        "test_a_thousand_flaps_of_one_neighbour_are_nobody_elses_business",
    ),
    "The disk is full": ("test_a_full_disk_refuses_keeps_the_rules_and_recovers",),
    "Another process holds the database file": (
        "test_a_file_somebody_else_holds_refuses_and_recovers",
    ),
    "A torn journal, half a database file": (
        "test_a_torn_journal_costs_the_torn_end_and_nothing_is_half_there",
        "test_half_a_file_is_refused_by_name_and_left_alone",
    ),
    "10,000 reports at once": ("test_ten_thousand_reports_at_once_all_get_their_rule",),
    "60 reloads, good and bad, under load": (
        "test_a_storm_of_reloads_good_and_bad_changes_no_rule",
    ),
    "100 feed clients that do not read": (
        "test_a_hundred_clients_that_do_not_read_the_feed_slow_nobody",
    ),
    "Two sites on one PostgreSQL: one dies, one is cut off": (
        "test_a_rule_that_names_the_other_site_is_on_its_router_within_a_second",
        "test_a_site_that_dies_harms_nobody_and_catches_up",
        "test_a_site_that_is_cut_off_keeps_its_rules_and_reads_what_it_missed",
    ),
    "The civil clock jumps (in one process, with a clock of the test's own)": (
        "test_a_clock_set_forward_ends_nothing_early",
        "test_a_clock_set_back_keeps_nothing_longer",
    ),
}

ELSEWHERE: Mapping[int, tuple[str, ...]] = {
    18: (
        "test_reconcile_heals_the_wire_in_both_directions_and_tells",
        "test_kill_9_at_random_points_loses_nothing_answered",
    ),
    26: ("test_a_rule_that_ends_while_the_daemon_is_dead_is_gone_after_its_start",),
    59: (
        "test_a_name_that_leads_inside_is_never_connected_to",
        "test_one_private_answer_spoils_the_others",
    ),
    66: (
        "test_reload_takes_new_playbooks_and_refuses_broken_ones",
        "test_a_storm_of_reloads_good_and_bad_changes_no_rule",
    ),
    74: ("test_names_made_up_by_strangers_are_bounded",),
    80: ("test_the_request_id_of_the_context_is_added",),
}

OPEN: Mapping[int, str] = {
    27: "What happens to rules at shutdown is a restart policy per neighbour; only `bridge` is "
    "shown with whole daemons.",
    29: "The `pop` filter has no test of its own on this page.",
    30: "Login throttle, rate limits and feed are per process: two instances count apart.",
    60: "That no internal text leaves the process is tested for the paths we thought of, not all.",
    63: "The audit chain is verified after a torn journal; a test for each act is not listed here.",
    65: "Unknown keys are refused with line and nearest key (tests/unit/config).",
    67: "Reading settings and writing them back is tested in tests/unit/config, by kind of file.",
    72: "Readiness answers 503 when the store is away; not shown for every other cause.",
    75: "Intervals of zero are refused by the configuration (tests/unit/config).",
    76: "Alerts are queued in the database (tests/integration/test_alerts.py).",
    77: "Reference pages are generated and compared; prose is not.",
    78: "The whole path is benchmarked (docs/benchmarks.md); a test cannot show that.",
    81: "Rates of zero are refused by the configuration (tests/unit/config).",
}


def places() -> dict[str, str]:
    """Test name -> file."""
    return {name: file for file, name in suite_functions(ROOT / "tests")}


def missing() -> list[int]:
    """Numbers about which nothing is said anywhere."""
    shown = claims()
    said = ELSEWHERE.keys() | OPEN.keys()
    return [n for n in NUMBERS if f"w{n:02d}" not in shown and n not in said]


def named() -> set[str]:
    return {name for group in (BROKEN, ELSEWHERE) for names in group.values() for name in names}


def render() -> str:
    where = places()

    def links(names: tuple[str, ...]) -> str:
        return "<br>".join(f"[{name}](../{where[name]})" for name in names)

    lines = [
        "# Reliability: what we broke on purpose",
        "",
        "Each test breaks something real under a running daemon with a real router beside it,",
        "mends it, and compares three things by meaning and by rate: the rows of the store, the",
        "rules the daemon wants routers to hold, and what the router's own command line shows.",
        "Nothing may differ, and nothing that was answered may be missing. `make e2e` and",
        "`make chaos` run them; `make chaos` kills the daemon through 10,000 events.",
        "",
        "| what happens | shown by |",
        "|---|---|",
        *(f"| {what} | {links(names)} |" for what, names in BROKEN.items()),
        "",
        "## What the routers taught us",
        "",
        "- BIRD forgets our rules when its own hold timer ends the session; it keeps them when we",
        "  are killed or restarted and come back within the restart time.",
        "- GoBGP once kept a stale rule past our End-of-RIB while its side had more families with",
        "  graceful restart than ours; it has not since both name the same ones.",
        "- FRR ends the session over a numeric `!=`; we never write one.",
        "",
        "## The 86 weaknesses",
        "",
        "[weaknesses.md](weaknesses.md) lists those that tests carry in their names. The rest:",
        "",
        "| | what went wrong | now |",
        "|---|---|---|",
    ]
    for number in sorted(ELSEWHERE.keys() | OPEN.keys()):
        text = text_of(f"w{number:02d}") or "(no single behaviour)"
        now = f"Not shown by one test. {OPEN.get(number)}"
        if number in ELSEWHERE:
            now = links(ELSEWHERE[number])
        lines.append(f"| w{number:02d} | {text} | {now} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(PAGE).write_text(render(), encoding="utf-8")
