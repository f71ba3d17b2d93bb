"""The weaknesses we set out to beat, and the tests that show we did.

    python -m tests.kit.weaknesses            writes docs/weaknesses.md

The numbers come from a review of the daemon whose interface prefixd keeps: `w` for the daemon as a
whole, `s` for how it takes in and correlates signals. A test claims a number by its name, such as
`test_w04_...` or `test_s13_s15_...`; tests that prove a number under another name are listed in
`ALSO`. `tests/unit/decision/test_weaknesses.py` fails when the page is stale, a claimed number is
unknown, a test in `ALSO` is gone, or a rule-related number has nobody to prove it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "weaknesses.md"
CLAIM = re.compile(r"test_((?:[ws]\d\d_)+)")

DAEMON: Mapping[int, str] = {
    1: "Observed ports that miss the service's ports became a rule for every port.",
    2: "Code narrowed rules to a service's ports, documents promised to spare them.",
    3: "Later steps of a playbook were never taken.",
    4: "Wider, narrower and overlapping reports piled up parallel rules.",
    5: "The first listed prefix owned an address, not the longest; look-ups scanned text.",
    6: "IPv6 victims got a /32 and were always refused.",
    7: "Two spellings of an IPv6 address were two victims.",
    8: "ICMP towards IPv6 was matched as protocol 1.",
    9: "ICMP rules carried ports; port 0 and duplicates were accepted.",
    10: "A tiny police rate dropped everything; a missing one did nothing.",
    11: "Extensions ignored safelist, quotas and any longest life.",
    12: "An extension forgot which attack prolonged the rule, and used another step's TTL.",
    13: "Quiet periods, creation rates and limits per peer were read and ignored.",
    14: "A playbook could ask for a TTL that was refused every time; profiles did nothing.",
    15: "Rules were announced before they were stored.",
    16: "Rules without an owner stayed on the routers.",
    17: "A failed withdrawal was forgotten.",
    18: "Reconcile compared matches and never actions.",
    19: "Rows were overwritten from stale copies; what had ended could come back.",
    20: "One lock for everything, held over network calls.",
    21: "A rule made by hand collided with the one in force.",
    22: "A failed read-back looked like an empty table.",
    23: "A repeated port made a rule that never equalled itself.",
    24: "One bad row stopped a whole reconcile run.",
    25: "An unreadable row ended paging early.",
    26: "With the daemon dead, rules stayed for ever.",
    27: "What to do with rules at shutdown was configurable and ignored.",
    28: "Each site announced and expired the others' rules.",
    29: "The `pop` filter was ignored.",
    30: "What had to hold for all sites was counted by each process.",
    31: "An event refused or interrupted could never be retried.",
    32: "Re-sent alerts neither extended a rule nor could they ever start another.",
    33: "Two copies of one event raced into an error.",
    34: 'A failed look-up counted as "nothing found".',
    35: "All-clears violated a key and were lost.",
    36: "Any detector's all-clear ended what others still reported.",
    37: "What became of an event was not stored.",
    38: "Confidences, rates, sources and times were not checked.",
    39: 'One word meant both "acted" and "only recorded".',
    40: "Nothing was ever deleted.",
    41: "Each further report had to reach agreement again, so rules expired in mid-attack.",
    42: "A window that had passed blocked the next until a sweep came by.",
    43: "Groups that extended a rule counted as timed out.",
    44: "A chatty source outweighed all others, and support could lower the result.",
    45: "A missing confidence counted as none.",
    46: "Decay cancelled itself out.",
    47: "Agreement once reached could be taken back by a later write.",
    48: "A corroborator could complete agreement, and nothing happened.",
    49: "Some paths in skipped the checks of the others.",
    50: "Every tick loaded all groups and their events.",
    51: "Names two tools give one attack never met.",
    52: "A playbook's decay was ignored while the general one was off.",
    53: "Client certificates made every client an administrator.",
    54: "A viewer could cause a mitigation.",
    55: "One shared token for all, without name, scope or rotation.",
    56: "Logins could be locked for others, and names probed by timing.",
    57: "An unknown role read as operator.",
    58: "The feed outlived its session and checked no origin.",
    59: "Alert URLs could reach inside.",
    60: "Internal error texts reached clients.",
    61: "One busy client starved the others and the health checks.",
    62: "Detectors' text became Markdown in incident reports.",
    63: "The audit trail was nearly empty and could be edited.",
    64: "A dashboard of another origin could not save.",
    65: "Unknown keys were ignored, dead keys accepted.",
    66: "A reload applied half of a broken configuration.",
    67: "Saving a configuration as read lost parts of it.",
    68: "Two people editing settings overwrote each other.",
    69: "One bad safelist entry broke the list; expiry was ignored.",
    70: "Pages skipped or repeated rows of one moment.",
    71: "Lists counted and sorted whole tables.",
    72: "Health answered well whatever was wrong.",
    73: "Preferences without an operator were an internal error.",
    74: "Labels of metrics came from outside without bound.",
    75: "An interval of zero ended a task silently.",
    76: "Alerts were lost on restart and when many came at once.",
    77: "Documents and code said different things.",
    78: "The published rate measured events that led to nothing.",
    79: "Dry-run rows looked real and went live with a change of mode.",
    80: "Request ids landed on other requests' log lines.",
    81: "A rate limit of zero crashed the request.",
    82: "The feed kept half-open clients for ever.",
    83: "Any caller could speak for any source, with any confidence.",
    84: "A signed webhook could be replayed.",
    85: "A corroborator arriving a moment too early was missed.",
    86: "Adapters took arrays of any length.",
}

SIGNALS: Mapping[int, str] = {
    1: "Amplification attacks were documented and could not be reported.",
    2: "Overrides in playbooks were never validated.",
    3: "Weights could be infinite or not a number.",
    5: "Victims were compared as the text that was sent.",
    6: "The body as sent was thrown away.",
    7: "A corroborator matching by site attached to every group of the site.",
    8: "A report between a window's end and the next sweep was lost.",
    9: "An attack that went on could not keep its rule alive.",
    10: "Extending a rule left the group open.",
    11: "A group a guardrail refused was retried blindly and counted as timed out.",
    12: "Agreement could flip back.",
    13: "More agreement could lower the confidence.",
    14: "A corroborator without a number halved the confidence.",
    15: "A source that reports often dominated.",
    16: "A weight meant nothing for a lone source, and two medium sources never added up.",
    17: '"Mitigate now" posted an ordinary event and claimed success.',
    18: "After a shutdown the retry was a duplicate.",
    19: '"Accepted" said nothing about what was done.',
    20: "An all-clear from a source that extended the rule found nothing.",
    21: "An all-clear from the first source ended what others reported.",
    23: "Adapters claimed a withdrawal for every all-clear.",
    24: "A constant alert id was a duplicate for ever.",
    25: "Editing thresholds rewrote explanations of the past.",
    26: "Decay was off unless the general one was on.",
    27: "Late evidence changed a flag and nothing else.",
    28: "Corroborating sources could open groups by way of batches and adapters.",
    29: "An incomplete alert rule could mitigate the monitoring host.",
    30: "Alertmanager severities ignored the configured confidences.",
    31: "A partial unblock was a ban.",
    32: "Bytes were taken for bits, and outgoing attacks for incoming ones.",
    33: "Numbers sent as text were dropped.",
    34: "Webhooks had no protection against replay.",
    36: "One corroborating signal was counted twice.",
    37: "Escalations had a metric and never happened.",
}

# Each needs a test.
REQUIRED = {"w": set(range(1, 87)), "s": set(SIGNALS)}

ALSO: Mapping[str, tuple[str, ...]] = {
    "w15": (
        "test_a_report_becomes_a_row_and_a_rule",
        "test_kill_9_loses_nothing_that_was_answered",
    ),
    "w16": ("test_an_event_becomes_a_rule_and_survives_a_restart",),
    "w17": ("test_a_ttl_is_kept_on_the_wire_even_when_it_cannot_be_written",),
    "w20": ("test_a_quota_holds_exactly_under_two_hundred_clients",),
    "w22": ("test_an_emptied_table_withdraws_nothing",),
    "w24": ("test_a_row_nobody_can_read_keeps_its_rule_and_hides_no_other",),
    "w25": ("test_one_damaged_row_hides_nothing_else",),
    "w26": ("test_a_rule_that_ends_while_the_daemon_is_dead_is_gone_after_its_start",),
    "w33": ("test_one_of_many_racing_reports_of_an_alert_is_stored",),
    "w40": ("test_only_what_has_ended_ages",),
    "w59": (
        "test_a_name_that_leads_inside_is_never_connected_to",
        "test_one_private_answer_spoils_the_others",
    ),
    "w66": (
        "test_reload_takes_new_playbooks_and_refuses_broken_ones",
        "test_a_storm_of_reloads_good_and_bad_changes_no_rule",
    ),
    "w67": (
        "test_what_was_read_can_be_saved_and_keeps_every_secret",
        "test_two_of_a_kind_are_told_apart_by_id_whatever_their_order",
    ),
    "w70": ("test_pages_keep_rows_of_one_microsecond_apart",),
    "w71": ("test_no_page_sorts_a_table",),
    "w74": ("test_values_beyond_the_bound_are_counted_as_other",),
    "w76": (
        "test_a_mitigation_and_its_alert_are_one_unit",
        "test_a_commit_whose_answer_was_lost_is_sent_once",
        "test_a_crash_right_after_the_change_loses_no_alert",
        "test_a_storm_costs_no_more_rows_than_its_queue_has_room_for",
    ),
    "w77": (
        "test_generated_pages_are_current",
        "test_configuration_keys_that_pages_name_exist",
        "test_every_endpoint_and_error_code_is_documented",
        "test_every_metric_is_documented",
        "test_lines_for_the_client_are_understood_by_it",
        "test_every_command_of_the_tour_answers_as_printed",
    ),
    "w79": ("test_dry_run_rows_never_go_live",),
}


def suite_functions(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, test) for every test function of the suite."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_"):
                yield path.relative_to(ROOT).as_posix(), node.name


def claims() -> dict[str, list[tuple[str, str]]]:
    """The tests of each number, such as `w04`."""
    found: dict[str, list[tuple[str, str]]] = {}
    everything = list(suite_functions(ROOT / "tests"))
    for file, name in everything:
        claim = CLAIM.match(name)
        numbers = claim[1].rstrip("_").split("_") if claim else []
        numbers += [number for number, names in ALSO.items() if name in names]
        for number in numbers:
            found.setdefault(number, []).append((file, name))
    return found


def text_of(number: str) -> str | None:
    return (DAEMON if number[0] == "w" else SIGNALS).get(int(number[1:]))


def render() -> str:
    found = claims()
    lines = [
        "# Weaknesses and the tests that show they are gone",
        "",
        "Before prefixd was written, the daemon whose interface it keeps was reviewed. What",
        "follows is what went wrong there, in our words, each with the tests that would fail if it",
        "went wrong here. This page is generated from the names of tests:",
        "`python -m tests.kit.weaknesses`.",
    ]
    for title, prefix, texts in (
        ("The daemon", "w", DAEMON),
        ("Signals and correlation", "s", SIGNALS),
    ):
        lines += ["", f"## {title}", "", "| | what went wrong | shown by |", "|---|---|---|"]
        for number, text in texts.items():
            key = f"{prefix}{number:02d}"
            tests = found.get(key)
            if tests:
                lines.append(f"| {key} | {text} | {_links(tests)} |")
    shown = {test for tests in found.values() for test in tests}
    numbers = sum(1 for key in found if text_of(key) is not None)
    lines += ["", f"{len(shown)} tests for {numbers} weaknesses.", ""]
    return "\n".join(lines)


def _links(tests: list[tuple[str, str]]) -> str:
    return "<br>".join(f"[{name}](../{file})" for file, name in sorted(set(tests)))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
