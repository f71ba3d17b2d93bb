"""A journal of a session replays to the same outputs and the same octets."""

import errno
import io
from pathlib import Path

from prefixd.bgp.fsm.negotiate import GracefulOffer, Offer
from prefixd.bgp.session.io import (
    Ask,
    Begin,
    Clear,
    Data,
    Due,
    Gone,
    Input,
    OpenHeld,
    Output,
    Probe,
    Stop,
    Taken,
    Write,
)
from prefixd.bgp.session.recorder import MAX_JOURNAL_OCTETS, Recorder, replay, transcript
from prefixd.bgp.session.session import Session
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, RoleCode
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import cease
from prefixd.bgp.wire.packing import end_of_rib
from tests.kit.bgp import an_offer

GOLDEN = Path(__file__).parents[3] / "replay" / "bgp_session"
OFFER = an_offer(
    graceful=GracefulOffer(restart_time_s=120, families=(IPV4_FLOWSPEC,)),
    role=RoleCode.PEER,
    host=b"prefixd-1",
)


class Recorded:
    """A session whose inputs are written down, and what became of them."""

    def __init__(self, offer: Offer, seed: int) -> None:
        self.session = Session(offer, seed=seed)
        self.out = io.StringIO()
        self.recorder = Recorder(self.out, offer, initial_hold_s=30.0, seed=seed)
        self.outputs: list[list[Output]] = []
        self.now = 50.0

    def feed(self, what: Input, after: float = 0.0) -> None:
        self.now += after
        self.recorder.record(what, self.now)
        outputs = self.session.handle(what, self.now)
        self.outputs.append(outputs)
        if any(isinstance(each, OpenHeld) for each in outputs):
            self.feed(Clear())
        waiting = self.session.outgoing.size
        if waiting and not isinstance(what, Taken):
            self.feed(Taken(waiting))


def a_life() -> Recorded:
    peer = Session(an_offer(64501, peer=64500, router_id=2))
    peer.handle(Begin(), 0.0)
    recorded = Recorded(OFFER, seed=77)
    recorded.feed(Begin())
    recorded.feed(Data(b"".join(peer.outgoing.waiting())), 0.1)
    recorded.feed(Data(bytes.fromhex("ff" * 16 + "001304")), 0.1)
    recorded.feed(Write(end_of_rib(IPV4_FLOWSPEC)), 0.1)
    recorded.feed(Ask(RouteRefresh(IPV4_FLOWSPEC)), 1.0)
    recorded.feed(Probe(), 0.1)
    recorded.feed(Due(), 30.0)
    recorded.feed(Stop(cease(2, "prefixd: ops: bye")), 1.0)
    recorded.feed(Gone("the peer closed the connection"), 0.1)
    return recorded


def test_a_replay_is_the_same_life() -> None:
    recorded = a_life()
    lines = recorded.out.getvalue().splitlines()
    assert [outputs for _, _, outputs, _ in replay(lines)] == recorded.outputs


def test_a_kept_transcript() -> None:
    """The first regression test made from a journal; more may be put beside it."""
    for journal in sorted(GOLDEN.glob("*.jsonl")):
        lines = journal.read_text(encoding="ascii").splitlines()
        expected = journal.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
        assert transcript(lines) == expected, journal.name


def test_the_transcript_tells_the_story() -> None:
    lines = "\n".join(transcript(a_life().out.getvalue().splitlines()))
    assert "out  open held, peer AS 64501" in lines
    assert "out  up, hold time 90 s, ipv4-flowspec, ipv6-flowspec" in lines
    assert 'out  down, we notified: 6/2 cease/administrative shutdown "prefixd: ops: bye"' in lines


def test_a_full_journal_falls_silent() -> None:
    out = io.StringIO()
    recorder = Recorder(out, OFFER, initial_hold_s=30.0, seed=1)
    for _ in range(20):
        recorder.record(Data(bytes(1024 * 1024)), 0.0)
    assert len(out.getvalue()) < MAX_JOURNAL_OCTETS + 3 * 1024 * 1024


def test_a_full_disk_ends_the_journal_and_not_the_session() -> None:
    class FullDisk(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    recorder = Recorder(FullDisk(), OFFER, initial_hold_s=30.0, seed=1)
    recorder.record(Begin(), 0.0)
    recorder.close()
