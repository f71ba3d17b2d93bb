"""Moments moved together when the civil clock was set.

What matters about a moment is its distance from now: two minutes left stay two minutes left, a
report ten seconds old stays ten seconds old. When something began stays as it was written down,
except where the beginning is what a distance is measured from.
"""

from dataclasses import replace

from prefixd.domain.group import Group
from prefixd.domain.mitigation import Mitigation
from prefixd.engine.episodes import Known


def shift_mitigation(row: Mitigation, by_us: int) -> Mitigation:
    return replace(
        row,
        created_at_us=row.created_at_us + by_us,
        expires_at_us=row.expires_at_us + by_us,
        version=row.version + 1,
    )


def shift_group(group: Group, by_us: int) -> Group:
    def moved(at_us: int | None) -> int | None:
        return None if at_us is None else at_us + by_us

    return replace(
        group,
        created_at_us=group.created_at_us + by_us,
        last_primary_at_us=group.last_primary_at_us + by_us,
        expires_at_us=group.expires_at_us + by_us,
        met_at_us=moved(group.met_at_us),
        clearing_since_us=moved(group.clearing_since_us),
        evidence=tuple(
            replace(
                item,
                first_seen_us=item.first_seen_us + by_us,
                last_seen_us=item.last_seen_us + by_us,
            )
            for item in group.evidence
        ),
    )


def shift_known(known: Known, by_us: int) -> Known:
    episode = replace(
        known.episode,
        first_seen_us=known.episode.first_seen_us + by_us,
        last_seen_us=known.episode.last_seen_us + by_us,
    )
    return Known(episode, replace(known.record, last_seen_us=known.record.last_seen_us + by_us))
