"""`prefixd replay --events FILE [--config DIR] [--against DIR2]`: what would have happened.

Reads files, prints, and returns the exit code: 0, or 1 when two configurations answered
differently (for a pipeline that guards a change), or 2 when a file cannot be used.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from prefixd.config.assemble import load_config
from prefixd.config.bundle import Config
from prefixd.config.problem import ConfigError
from prefixd.replay.events import RecordedEvent, parse_events
from prefixd.replay.history import differences
from prefixd.replay.run import Replayed, replay_events

SAME, DIFFERENT, UNUSABLE = 0, 1, 2
SHOWN_PROBLEMS = 10


def run_replay(
    events_file: Path,
    config_dir: Path,
    against_dir: Path | None = None,
    *,
    env: Mapping[str, str],
    out: TextIO = sys.stdout,
) -> int:
    """Replay the file through one configuration, or through two and print the difference."""
    try:
        text = events_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read {events_file}: {error}", file=out)
        return UNUSABLE
    events, problems = parse_events(text.splitlines())
    for problem in problems[:SHOWN_PROBLEMS]:
        print(f"{events_file}: {problem}", file=out)
    if problems:
        print(f"{len(problems)} lines cannot be replayed", file=out)
        return UNUSABLE
    try:
        first = load_config(config_dir, env)
        second = None if against_dir is None else load_config(against_dir, env)
    except ConfigError as error:
        print(error, file=out)
        return UNUSABLE
    before = replay_config(events, first)
    _print_sums(config_dir, events, before, out)
    if second is None or against_dir is None:
        return SAME
    after = replay_config(events, second)
    _print_sums(against_dir, events, after, out)
    return _print_difference(before, after, out)


def replay_config(events: list[RecordedEvent], config: Config) -> Replayed:
    start_us = events[0].received_at_us if events else 0
    return replay_events(events, config.snapshot(start_us), config.signals)


def _print_sums(where: Path, events: list[RecordedEvent], replayed: Replayed, out: TextIO) -> None:
    print(f"{where}: {len(events)} recorded events, {len(replayed.fates)} signals", file=out)
    for outcome, count in replayed.outcomes.items():
        print(f"  {outcome:<12} {count:>7}", file=out)
    attacks = len(replayed.attacks)
    print(f"  attacks seen {attacks}, answered {replayed.mitigated}, "
          f"at most {replayed.peak_live} rules at once", file=out)  # fmt: skip
    steps = ", ".join(f"{what} {count}" for what, count in replayed.steps.items())
    print(f"  rules: {steps or 'none'}", file=out)


def _print_difference(before: Replayed, after: Replayed, out: TextIO) -> int:
    changes = differences(before.attacks, after.attacks)
    moved = sum(
        1 for old, new in zip(before.fates, after.fates, strict=False) if old.outcome != new.outcome
    )
    extra = abs(len(before.fates) - len(after.fates))
    if not changes and not moved and not extra:
        print("no difference", file=out)
        return SAME
    print(f"difference: {len(changes)} attacks answered otherwise, "
          f"{moved + extra} signals with another outcome", file=out)  # fmt: skip
    for word, count in sorted(Counter(change.change.value for change in changes).items()):
        print(f"  {word:<20} {count:>7}", file=out)
    for change in changes:
        print(f"  {change.victim} {change.kind}: {change.change.value}: {change.detail}", file=out)
    return DIFFERENT
