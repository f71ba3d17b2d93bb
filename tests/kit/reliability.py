"""docs/reliability.md: what was broken on purpose, and which test shows what came of it.

    python -m tests.kit.reliability           writes docs/reliability.md

`BROKEN` and `CHECKS` are read by people; every test they name exists, and every test of
`tests/chaos` is named, or `tests/e2e/test_reliability_page.py` fails. The weaknesses have a page of
their own (`tests/kit/weaknesses.py`).
"""

from collections.abc import Mapping
from pathlib import Path

from tests.kit.weaknesses import ROOT, suite_functions

PAGE = ROOT / "docs" / "reliability.md"

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
    "The daemon stopped, under each restart policy": (
        "test_w27_rules_after_a_stop_are_what_the_policy_says",
        "test_w27_with_bridge_a_daemon_that_stays_away_is_forgotten_in_time",
        "test_w27_preserve_announcements_of_older_files_is_honoured",
    ),
    "A rule's time passes while the daemon is dead": (
        "test_a_rule_that_ends_while_the_daemon_is_dead_is_gone_after_its_start",
    ),
    "The daemon's machine cut off from routers and detectors, and healed": (
        "test_a_machine_cut_off_from_everybody_heals_without_help",
    ),
    "What stands in front of the API swallows everything": (
        "test_what_stands_in_front_of_the_api_fails_and_no_rule_moves",
    ),
    "The wire to one router cut": ("test_a_cut_wire_heals_and_the_router_catches_up",),
    "A router stops reading": (
        "test_a_router_that_stops_reading_delays_only_itself",
        "test_a_neighbor_that_never_reads_is_let_go_and_delays_nobody",
    ),
    "A thousand sessions that end by FIN, RST and NOTIFICATION": (
        "test_a_thousand_sessions_that_end_leave_nothing_behind",
        "test_who_breaks_off_again_and_again_convicts_no_rule_and_gets_all_back",
        "test_a_thousand_flaps_of_one_neighbor_are_nobody_elses_business",
    ),
    "A neighbor that sends a false OPEN": (
        "test_no_lie_in_an_open_becomes_a_session",
        "test_a_connection_may_end_anywhere_in_an_open",
        "test_families_it_cannot_hold_are_never_sent",
    ),
    "A neighbor that breaks what it claimed, or the protocol": (
        "test_a_session_whose_framing_is_broken_ends_and_no_other",
        "test_lies_that_leave_the_framing_whole_cost_not_even_the_liars_session",
        "test_one_octet_at_a_time_is_understood_and_starves_nobody",
    ),
    "A neighbor that announces what was not requested": (
        "test_rules_we_never_sent_and_withdrawals_of_ours_change_nothing",
    ),
    "2,000 refresh requests at once": ("test_a_flood_of_refreshes_is_answered_twice",),
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
        "test_w29_lists_are_of_the_site_that_was_asked_for",
        "test_w30_what_must_hold_for_all_sites_is_shared",
    ),
    "The civil clock of the daemon jumps an hour, either way": (
        "test_a_clock_that_jumps_under_load_loses_nothing_and_ends_rules_on_time",
        "test_a_clock_set_forward_ends_nothing_early",
        "test_a_clock_set_back_keeps_nothing_longer",
    ),
}

DATABASE = ("test_the_database_is_killed_and_restarted_during_ingest",)
ROUTER = ("test_the_router_is_killed_and_restarted_during_ingest",)
RESTART = ("test_the_daemon_is_restarted",)
KILLED = ("test_kill_9_at_random_points_loses_nothing_answered",)
FRONT = ("test_what_stands_in_front_of_the_api_fails_and_no_rule_moves",)

CHECKS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("the database is stopped", "liveness still answers", DATABASE),
    ("", "an event is refused, not accepted", DATABASE),
    ("", "the process lives on", DATABASE),
    ("it comes back", "the interface answers", DATABASE),
    ("", "events are taken", DATABASE),
    ("it restarts", "no mitigation is missing", DATABASE),
    ("the BGP neighbor is stopped", "events are taken and kept", ROUTER),
    ("", "liveness still answers", ROUTER),
    ("it comes back", "healthy again", ROUTER),
    ("", "its table is filled again", ROUTER),
    ("the daemon restarts", "it comes back", RESTART),
    ("", "no mitigation is missing", RESTART),
    ("it restarts three times", "healthy", RESTART),
    ("it is killed", "it comes back", KILLED),
    ("", "events are taken", KILLED),
    ("what stands in front is stopped", "no client is answered", FRONT),
    ("it comes back", "every client is answered", FRONT),
)
"""The checks of the daemon whose interface prefixd keeps: what is done, and what must hold."""

LONG_RUNS = """\
| store | router | kills | events | answered | attempts without answer | withdrawn by hand | rules | lost | risen | doubled | differences |
|---|---|---|---|---|---|---|---|---|---|---|---|
| SQLite | BIRD 2.0.12 | 34 | 10,000 | 10,000 | 5,282 | 500 | 9,500 | 0 | 0 | 0 | 0 |
| PostgreSQL 15 | BIRD 2.0.12 | 33 | 10,000 | 10,000 | 10,427 | 500 | 9,500 | 0 | 0 | 0 | 0 |
| SQLite | GoBGP 3.10.0 | 36 | 10,000 | 10,000 | 19,078 | 500 | 9,500 | 0 | 0 | 0 | 0 |
"""  # noqa: E501  a table has long lines


def places() -> dict[str, str]:
    """Test name -> file."""
    return {name: file for file, name in suite_functions(ROOT / "tests")}


def named() -> set[str]:
    told = {name for names in BROKEN.values() for name in names}
    return told.union(*(names for _, _, names in CHECKS))


def render() -> str:
    where = places()

    def links(names: tuple[str, ...]) -> str:
        return "<br>".join(f"[{name}](../{where[name]})" for name in names)

    return "\n".join(
        [
            "# Reliability: what we broke on purpose",
            "",
            "Each test breaks something real under a running daemon with a real router beside it,",
            "mends it, and compares three things by meaning and by rate: the rows of the store,",
            "the rules the daemon wants routers to hold, and what the router's own command line",
            "shows. Nothing may differ, and nothing that was answered may be missing. `make e2e`",
            "and `make chaos` run them; `make chaos EVENTS=10000` kills the daemon through as many",
            "events.",
            "",
            "| what happens | shown by |",
            "|---|---|",
            *(f"| {what} | {links(names)} |" for what, names in BROKEN.items()),
            "",
            "## The seventeen checks of the earlier daemon",
            "",
            "The daemon whose interface prefixd keeps has a script that stops things by hand and",
            "looks at the answers. Each of its checks is part of one of the tests above, which",
            "also compare store, RIB and router.",
            "",
            "| | what is done | what must hold | shown by |",
            "|---|---|---|---|",
            *(
                f"| {number} | {done} | {holds} | {links(names)} |"
                for number, (done, holds, names) in enumerate(CHECKS, start=1)
            ),
            "",
            "## Ten thousand events, killed all the way",
            "",
            "`PREFIXD_CRASH_EVENTS=10000 python -m pytest tests/chaos/test_crashes.py` on 21",
            "November 2026, two shared cores, Debian 12, with other work going on. Detectors",
            "repeat an event until it is answered, one mitigation in twenty is withdrawn by hand.",
            "Lost: answered and not in force. Risen: withdrawn and in force. Doubled: two rules",
            "for one victim. Differences: between store, RIB and router in the end.",
            "",
            LONG_RUNS,
            "## What the routers taught us",
            "",
            "- BIRD forgets our rules when its own hold timer ends the session; it keeps them when",
            "  we are killed or restarted and come back within the restart time.",
            "- GoBGP once kept a stale rule past our End-of-RIB while its side had more families",
            "  with graceful restart than ours; it has not since both name the same ones. It keeps",
            "  rules for the restart time when its hold timer ends the session, too. Its command",
            "  line needs a minute and more than a gigabyte to show 10,000 rules.",
            "- FRR ends the session over a numeric `!=`; we never write one.",
            "- A neighbor that drops the session repeatedly without a NOTIFICATION right after",
            "  an UPDATE gets its rules back half by half: 30 rules took a minute.",
            "",
            "## What this found in prefixd itself",
            "",
            "- A connection reset while octets were unread was never noticed under uvloop: two of",
            "  them kept the real neighbor out for half a minute.",
            "- After the civil clock was set back, rules left the routers in time and their rows",
            "  stayed active.",
            "- Under load, log lines carried the request id of another request.",
            "- A database driver's text reached clients in the answer 503.",
            "- While rules came and went without a pause, what routers had been told was never",
            "  forgotten (0.4 KiB an event), and suspected rules did not come back.",
            "- A report known to the database and no longer to memory read the whole table of",
            "  groups: 350 such a second fell to 60.",
            "- Playbooks could not be saved as they were read.",
            "",
            "All are mended, each with the test that showed it.",
            "",
            "## The 86 weaknesses",
            "",
            "A review of the earlier daemon left a list of 86 numbered weaknesses.",
            "[weaknesses.md](weaknesses.md) names for each the tests that would fail if prefixd",
            "had it; none is without. Two things are per process by choice, and said so: how many",
            "requests one client may send (so two instances let in twice as many), and how many",
            "failed logins close the door.",
            "",
        ]
    )


if __name__ == "__main__":
    Path(PAGE).write_text(render(), encoding="utf-8")
