"""What is remembered of each alert: its current episode and the row that stands for it.

Rows are one per (source, external id, kind, episode); an `Episode` is what correlation wants to
know. `Known` is both, kept in memory for as long as a repeat could refer to it. An episode another
POP recorded counts as ended here: its number is taken, so the next one gets the next number.
"""

from collections.abc import Iterable
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from prefixd.domain.group import Episode, EvidenceState
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Signal, SignalKind

EpisodeKey = tuple[str, str]
"""(source, external_id)"""


class Known(Struct, frozen=True):
    """The latest episode of an alert, and its row: the firing one where there is one."""

    episode: Episode
    record: SignalRecord

    @property
    def key(self) -> EpisodeKey:
        return (self.episode.source, self.episode.external_id)


class RecentEpisodes:
    """The latest episode of each alert, in the order of last report, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._known: dict[EpisodeKey, Known] = {}
        self._limit = limit

    def get(self, key: EpisodeKey) -> Known | None:
        return self._known.get(key)

    def put(self, known: Known) -> None:
        # Taken out first so that the dictionary stays in the order of last report.
        self._known.pop(known.key, None)
        self._known[known.key] = known
        if len(self._known) > self._limit:
            del self._known[next(iter(self._known))]

    def forget_before(self, before_us: int) -> None:
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.episode.last_seen_us >= before_us:
                return
            del self._known[oldest.key]

    def shift(self, by_us: int) -> None:
        """Move every report by as much as the civil clock was set."""
        self._known = {key: _shifted(known, by_us) for key, known in self._known.items()}


def _shifted(known: Known, by_us: int) -> Known:
    episode = replace(
        known.episode,
        first_seen_us=known.episode.first_seen_us + by_us,
        last_seen_us=known.episode.last_seen_us + by_us,
    )
    return Known(episode, replace(known.record, last_seen_us=known.record.last_seen_us + by_us))


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
    newest = replace(
        record.signal,
        bps=record.signal.bps if signal.bps is None else signal.bps,
        pps=record.signal.pps if signal.pps is None else signal.pps,
        confidence=record.signal.confidence if signal.confidence is None else signal.confidence,
        dst_ports=signal.dst_ports or record.signal.dst_ports,
        src_ports=signal.src_ports or record.signal.src_ports,
    )
    return replace(
        record,
        signal=newest,
        last_seen_us=episode.last_seen_us,
        refresh_count=episode.refresh_count,
        last_hash=episode.last_hash,
    )
