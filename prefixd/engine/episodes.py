"""What is remembered of each alert: its current episode and the row that stands for it.

Rows are one per (source, external id, kind, episode); an `Episode` is what correlation wants to
know. `Known` is both, kept in memory for as long as a repeat could refer to it. An episode another
POP recorded counts as ended here: its number is taken, so the next one gets the next number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from prefixd.domain.derive import changed, quick
from prefixd.domain.group import Episode, EvidenceState
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Signal, SignalKind

EpisodeKey = tuple[str, str]
"""(source, external_id)"""


@quick
@dataclass(frozen=True, slots=True)
class Known:
    """The latest episode of an alert, and its row: the firing one where there is one."""

    episode: Episode
    record: SignalRecord

    @property
    def key(self) -> EpisodeKey:
        return (self.episode.source, self.episode.external_id)


def episode_of(record: SignalRecord, state: EvidenceState) -> Episode:
    return Episode(
        source=record.signal.source,
        external_id=record.signal.external_id,
        number=record.episode,
        state=state,
        first_seen_us=record.signal.received_at_us,
        last_seen_us=record.last_seen_us,
        refresh_count=record.refresh_count,
        last_hash=record.last_hash,
        group_id=record.group_id,
        mitigation_id=record.mitigation_id,
        outcome=None if record.outcome is Outcome.QUEUED else record.outcome.value,
    )


def known_from(rows: Iterable[SignalRecord], pop: str) -> dict[EpisodeKey, Known]:
    """Stored rows, in any order, as what is known: oldest report first."""
    known: dict[EpisodeKey, Known] = {}
    for row in sorted(rows, key=lambda row: row.last_seen_us):
        key = (row.signal.source, row.signal.external_id)
        held = known.pop(key, None)
        if held is not None and held.episode.number > row.episode:
            known[key] = held
        elif row.pop != pop or row.signal.kind is SignalKind.CLEARED:
            same = held is not None and held.episode.number == row.episode
            base = held.record if same and held is not None else row
            known[key] = Known(episode_of(base, EvidenceState.CLEARED), base)
        else:
            known[key] = Known(episode_of(row, EvidenceState.FIRING), row)
    return known


def body_hash(signal: Signal) -> str:
    """What makes two messages the same message: all of it but the time it arrived."""
    text = signal.raw or repr(
        (
            signal.kind,
            signal.victim,
            signal.vector,
            signal.observed_at_us,
            signal.confidence,
            signal.bps,
            signal.pps,
            signal.dst_ports,
            signal.src_ports,
        )
    )
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def refreshed(record: SignalRecord, signal: Signal, episode: Episode) -> SignalRecord:
    """The row after a repeat: newest figures, first arrival."""
    newest = changed(
        record.signal,
        bps=record.signal.bps if signal.bps is None else signal.bps,
        pps=record.signal.pps if signal.pps is None else signal.pps,
        confidence=record.signal.confidence if signal.confidence is None else signal.confidence,
        dst_ports=signal.dst_ports or record.signal.dst_ports,
        src_ports=signal.src_ports or record.signal.src_ports,
    )
    return changed(
        record,
        signal=newest,
        last_seen_us=episode.last_seen_us,
        refresh_count=episode.refresh_count,
        last_hash=episode.last_hash,
    )
