"""One session, or two joined in memory, against a clock that only tests move."""

import itertools

import pytest

from prefixd.bgp.fsm.action import Close, CloseMode, SessionDown, SessionUp, Timer
from prefixd.bgp.fsm.event import SendDrained
from prefixd.bgp.fsm.state import DownKind, State
from prefixd.bgp.session.io import (
    Ask,
    Begin,
    Clear,
    Data,
    Due,
    Faulty,
    Gone,
    OpenHeld,
    Output,
    RefreshArrived,
    Stalled,
    Stop,
    Taken,
    UpdateArrived,
    Write,
)
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.session.session import KEEPALIVE, TURN_MESSAGES, TURN_OCTETS, Session
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.header import MARKER
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, CeaseSubcode
from prefixd.bgp.wire.message import RouteRefresh, decode_message, encode_message
from prefixd.bgp.wire.notification import Notification, cease
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.packing import end_of_rib, pack_announcements
from tests.kit.bgp import Joined, an_offer, joined

EOR = end_of_rib(IPV4_FLOWSPEC)


def up(**changes: object) -> Joined:
    pair = joined(an_offer(**changes))
    pair.begin()
    assert pair.left.state is pair.right.state is State.ESTABLISHED
    return pair


def messages(octets: bytes) -> list[bytes]:
    found = []
    while octets:
        length = int.from_bytes(octets[16:18], "big")
        found.append(octets[:length])
        octets = octets[length:]
    return found


def answer(session: Session) -> Notification:
    """The NOTIFICATION that is waiting to be sent, which must be the last thing to be sent."""
    last = messages(b"".join(session.outgoing.waiting()))[-1]
    message = decode_message(last, BEFORE_OPEN)
    assert isinstance(message, Notification)
    return message


def in_open_sent() -> Session:
    session = Session(an_offer())
    session.handle(Begin(), 0.0)
    session.handle(Taken(session.outgoing.size), 0.0)
    return session


def an_open(**changes: object) -> bytes:
    values: dict[str, object] = {"my_as": 64501, "hold_time_s": 90, "bgp_identifier": 2}
    return encode_message(Open(**{**values, **changes}), BEFORE_OPEN)  # type: ignore[arg-type]  # a builder


def down(outputs: list[Output]) -> SessionDown:
    (found,) = [each for each in outputs if isinstance(each, SessionDown)]
    return found


class TestTwoSessions:
    def test_come_up_and_stay_up_for_a_day(self) -> None:
        pair = up()
        pair.run(86_400)
        assert pair.left.state is pair.right.state is State.ESTABLISHED
        assert pair.down(pair.left) is None
        assert pair.left.keepalive_late_s == 0

    def test_terms_are_mirrored(self) -> None:
        pair = up()
        left, right = pair.up(pair.left), pair.up(pair.right)
        assert left is not None
        assert right is not None
        assert (left.local_asn, left.peer_asn) == (right.peer_asn, right.local_asn)
        assert left.families == right.families

    def test_silence_ends_in_4_0_after_exactly_the_hold_time(self) -> None:
        pair = up()
        pair.connected = False
        pair.run(89.9)
        assert pair.left.state is State.ESTABLISHED
        pair.run(0.2)
        reason = pair.down(pair.left)
        assert reason is not None
        assert reason.notification == Notification(4)

    def test_keepalives_are_sent_between_75_and_100_percent_of_a_third(self) -> None:
        pair = up()
        start = pair.now
        for _ in range(200):
            deadline = pair.left.deadline(Timer.KEEPALIVE)
            assert deadline is not None
            assert 22.5 <= deadline - pair.now <= 30.0
            pair.now = deadline
            pair.feed(pair.left, Data(KEEPALIVE))
            pair.feed(pair.left, Due())
            assert b"".join(pair.left.outgoing.waiting()) == KEEPALIVE
            pair.feed(pair.left, Taken(len(KEEPALIVE)))
        assert 200 * 22.5 <= pair.now - start <= 200 * 30

    def test_an_update_counts_as_a_keepalive(self) -> None:
        pair = up()
        pair.now += 20.0
        before = pair.left.deadline(Timer.KEEPALIVE)
        pair.feed(pair.left, Write(EOR))
        after = pair.left.deadline(Timer.KEEPALIVE)
        assert before is not None
        assert after is not None
        assert after > before
        pair.settle()
        assert any(isinstance(e, UpdateArrived) for e in pair.events[pair.right])

    def test_a_refresh_arrives(self) -> None:
        pair = up()
        pair.feed(pair.left, Ask(RouteRefresh(IPV4_FLOWSPEC)))
        pair.settle()
        assert RefreshArrived(RouteRefresh(IPV4_FLOWSPEC)) in pair.events[pair.right]

    def test_stop_with_a_text(self) -> None:
        pair = up()
        pair.feed(pair.left, Stop(cease(2, "prefixd: ops: maintenance")))
        pair.settle()
        reason = pair.down(pair.right)
        assert reason is not None
        assert reason.kind is DownKind.PEER_NOTIFIED
        assert reason.notification is not None
        assert reason.notification.text == "prefixd: ops: maintenance"
        assert pair.closing(pair.left) == Close(CloseMode.NOTIFIED)

    def test_a_silent_stop_sends_what_is_queued_and_nothing_else(self) -> None:
        pair = up()
        pair.feed(pair.left, Write(EOR))
        pair.feed(pair.left, Stop(None))
        assert b"".join(pair.left.outgoing.waiting()) == EOR
        assert pair.closing(pair.left) == Close(CloseMode.FLUSH)

    def test_octet_by_octet_makes_no_difference(self) -> None:
        pair = up()
        stream = EOR + KEEPALIVE + EOR
        outputs = []
        for index in range(len(stream)):
            outputs += pair.feed(pair.left, Data(stream[index : index + 1]))
        assert [type(each) for each in outputs] == [UpdateArrived, UpdateArrived]


class TestBeforeEstablished:
    def test_garbage_before_open(self) -> None:
        session = in_open_sent()
        outputs = session.handle(Data(b"GET / HTTP/1.1\r\nHost: router\r\n\r\n"), 0.0)
        assert answer(session) == Notification(1, 1)
        assert down(outputs).reason.kind is DownKind.WE_NOTIFIED

    @pytest.mark.parametrize(
        ("octets", "expected"),
        [
            (MARKER + b"\x00\x12\x01", Notification(1, 2, b"\x00\x12")),
            (MARKER + b"\x10\x01\x01", Notification(1, 2, b"\x10\x01")),
            (MARKER + b"\xff\xff\x02", Notification(1, 2, b"\xff\xff")),
            (MARKER + b"\x00\x13\x09", Notification(1, 3, b"\x09")),
            (MARKER + b"\x00\x1d\x01" + b"\x03" + bytes(9), Notification(2, 1, b"\x00\x04")),
            (an_open(my_as=64999), Notification(2, 2)),
            (an_open(bgp_identifier=0), Notification(2, 3)),
            (an_open(hold_time_s=1), Notification(2, 6)),
            (an_open(hold_time_s=2), Notification(2, 6)),
            (KEEPALIVE, Notification(5, 1, b"\x04")),
            (EOR, Notification(5, 1, b"\x02")),
        ],
    )
    def test_answers(self, octets: bytes, expected: Notification) -> None:
        session = in_open_sent()
        session.handle(Data(octets), 0.0)
        assert answer(session) == expected
        assert session.state is State.CLOSED

    def test_a_length_is_judged_before_its_body_comes(self) -> None:
        session = in_open_sent()
        session.handle(Data(MARKER + b"\xff\xff\x01"), 0.0)
        assert session.state is State.CLOSED

    def test_an_update_in_open_sent_is_not_even_decoded(self) -> None:
        """An unauthenticated peer reaches no attribute parser: 5/1, not 3/1."""
        session = in_open_sent()
        session.handle(Data(MARKER + b"\x00\x17\x02" + b"\xff\xff\xff\xff"), 0.0)
        assert answer(session) == Notification(5, 1, b"\x02")

    def test_an_update_in_open_confirm(self) -> None:
        pair = joined()
        pair.feed(pair.left, Begin())
        pair.feed(pair.left, Taken(pair.left.outgoing.size))
        pair.feed(pair.left, Data(an_open_of_a_peer()))
        assert pair.left.state is State.OPEN_CONFIRM
        pair.feed(pair.left, Data(EOR))
        assert answer(pair.left) == Notification(5, 2, b"\x02")

    def test_a_second_open_when_established(self) -> None:
        pair = up()
        pair.feed(pair.left, Data(an_open_of_a_peer()))
        assert answer(pair.left) == Notification(5, 3, b"\x01")

    def test_slow_loris_gets_the_initial_hold_time_and_no_more(self) -> None:
        """One octet a second of a perfectly good OPEN."""
        session = in_open_sent()
        octets = an_open_of_a_peer()
        now = 0.0
        outputs: list[Output] = []
        for octet in octets:
            now += 1.0
            outputs += session.handle(Data(bytes((octet,))), now)
            outputs += session.handle(Due(), now)
            if outputs:
                break
        assert now == 30.0
        assert answer(session) == Notification(4)

    def test_a_broken_notification_is_never_answered(self) -> None:
        session = in_open_sent()
        outputs = session.handle(Data(MARKER + b"\x00\x14\x03\x06"), 0.0)
        assert not session.outgoing.size
        assert down(outputs).reason.kind is DownKind.PEER_NOTIFIED

    def test_the_peer_hangs_up_in_the_middle_of_its_open(self) -> None:
        session = in_open_sent()
        session.handle(Data(an_open_of_a_peer()[:20]), 0.0)
        outputs = session.handle(Gone("closed"), 1.0)
        assert down(outputs).reason.detail == "closed in the middle of a message"
        assert not session.outgoing.size


def an_open_of_a_peer() -> bytes:
    peer = Session(an_offer(64501, peer=64500, router_id=2))
    peer.handle(Begin(), 0.0)
    return b"".join(peer.outgoing.waiting())


class TestCollisionHold:
    def test_nothing_is_sent_or_read_until_cleared(self) -> None:
        session = in_open_sent()
        outputs = session.handle(Data(an_open_of_a_peer() + KEEPALIVE + EOR), 0.0)
        assert [type(each) for each in outputs] == [OpenHeld]
        assert not session.outgoing.size
        outputs = session.handle(Clear(), 1.0)
        assert [type(each) for each in outputs] == [SessionUp, UpdateArrived]

    def test_a_held_peer_cannot_fill_our_memory(self) -> None:
        session = in_open_sent()
        session.handle(Data(an_open_of_a_peer()), 0.0)
        assert session.wants_data
        session.handle(Data(KEEPALIVE * 300), 0.0)
        assert not session.wants_data

    def test_the_losing_connection_gets_a_notification(self) -> None:
        session = in_open_sent()
        session.handle(Data(an_open_of_a_peer()), 0.0)
        session.handle(Stop(Notification(6, 7)), 0.0)
        assert answer(session) == Notification(6, 7)


class TestHoldTimer:
    def test_is_not_judged_while_octets_are_unread(self) -> None:
        pair = up()
        pair.now += 200.0
        assert pair.feed(pair.left, Due(unread=True)) == []
        assert pair.left.state is State.ESTABLISHED
        pair.feed(pair.left, Data(KEEPALIVE))
        assert pair.feed(pair.left, Due()) == []
        assert pair.left.state is State.ESTABLISHED
        assert pair.left.keepalive_late_s > 100

    def test_is_judged_once_everything_was_read(self) -> None:
        pair = up()
        pair.now += 200.0
        assert down(pair.feed(pair.left, Due())).reason.notification == Notification(4)

    def test_hold_time_zero_needs_no_keepalives(self) -> None:
        pair = up(hold_time_s=0)
        assert pair.left.next_deadline is None
        pair.run(1e6)
        assert pair.left.state is State.ESTABLISHED


class TestPeerThatStopsReading:
    def blocked(self) -> Joined:
        pair = up()
        pair.feed(pair.left, Write(EOR * 1000, 1000))
        assert pair.feed(pair.left, Taken(0)) == []
        return pair

    def test_warning_alarm_and_end(self) -> None:
        pair = self.blocked()
        start, size = pair.now, pair.left.outgoing.size
        seen: list[tuple[float, Output]] = []
        while pair.left.state is State.ESTABLISHED:
            deadline = pair.left.next_deadline
            assert deadline is not None
            pair.now = deadline
            pair.feed(pair.left, Data(KEEPALIVE))
            seen += [(pair.now - start, each) for each in pair.feed(pair.left, Due())]
        stalls = [(at, each) for at, each in seen if isinstance(each, Stalled)]
        assert stalls == [
            (5.0, Stalled(StallLevel.WARNING, 5.0, size)),
            (90.0, Stalled(StallLevel.ALARM, 90.0, size)),
        ]
        assert pair.now - start == 180.0
        assert pair.closing(pair.left) == Close(CloseMode.ABORT)
        assert answer(pair.left) == Notification(8)

    def test_keepalives_do_not_pile_up(self) -> None:
        pair = self.blocked()
        size = pair.left.outgoing.size
        for _ in range(5):
            pair.now += 30
            pair.feed(pair.left, Data(KEEPALIVE))
            pair.feed(pair.left, Due())
        assert pair.left.outgoing.size == size

    def test_progress_starts_the_clock_again(self) -> None:
        pair = self.blocked()
        for _ in range(20):
            pair.now += 100
            pair.feed(pair.left, Data(KEEPALIVE))
            pair.feed(pair.left, Taken(1))
            pair.feed(pair.left, Due())
        assert pair.left.state is State.ESTABLISHED
        assert pair.left.stalled_s(pair.now) == 0

    def test_drained_is_reported_once(self) -> None:
        pair = self.blocked()
        pair.feed(pair.left, Taken(100))
        assert pair.feed(pair.left, Taken(pair.left.outgoing.size)) == [SendDrained()]
        assert pair.feed(pair.left, Write(EOR)) == []
        assert pair.feed(pair.left, Taken(len(EOR))) == []

    def test_a_notification_jumps_the_queue_between_messages(self) -> None:
        pair = self.blocked()
        pair.feed(pair.left, Taken(len(EOR) * 3 + 5))
        pair.feed(pair.left, Stop(Notification(6, 4)))
        rest = b"".join(pair.left.outgoing.waiting())
        assert rest[: len(EOR) - 5] == EOR[5:], "the message that had begun is finished"
        assert messages(rest[len(EOR) - 5 :]) == [encode_message(Notification(6, 4), BEFORE_OPEN)]


class TestBadMessages:
    def test_a_faulty_update_is_delivered_with_its_faults(self) -> None:
        """RFC 7606: treat-as-withdraw keeps the session."""
        pair = up()
        reach = "800e0f0001850000090120c633640a038111"
        origin_of_two_octets, as_path = "4001020000", "400200"
        body = bytes.fromhex("0000001a" + reach + origin_of_two_octets + as_path)
        octets = MARKER + (19 + len(body)).to_bytes(2, "big") + b"\x02" + body
        outputs = pair.feed(pair.left, Data(octets))
        assert pair.left.state is State.ESTABLISHED
        assert [type(each) for each in outputs] == [Faulty, UpdateArrived]

    def test_a_header_error_when_established(self) -> None:
        pair = up()
        outputs = pair.feed(pair.left, Data(MARKER + b"\x10\x01\x02"))
        assert answer(pair.left) == Notification(1, 2, b"\x10\x01")
        (faulty,) = [each for each in outputs if isinstance(each, Faulty)]
        assert "4097" in faulty.detail

    def test_a_long_message_is_fine_when_negotiated(self) -> None:
        pair = joined(
            an_offer(extended_message=True),
            an_offer(64501, peer=64500, router_id=2, extended_message=True),
        )
        pair.begin()
        pair.feed(pair.left, Data(MARKER + b"\x10\x01\x02"))
        assert pair.left.state is State.ESTABLISHED

    def test_a_long_message_may_be_tolerated_but_is_never_sent(self) -> None:
        pair = up(accept_long_messages=True)
        agreed = pair.up(pair.left)
        assert agreed is not None
        assert agreed.max_message == 4096
        pair.feed(pair.left, Data(MARKER + b"\x10\x01\x02"))
        assert pair.left.state is State.ESTABLISHED

    def test_after_the_end_nothing_is_listened_to(self) -> None:
        pair = up()
        pair.feed(pair.left, Stop(None))
        assert pair.feed(pair.left, Data(EOR * 100)) == []
        assert pair.feed(pair.left, Gone("x")) == []
        assert pair.left.next_deadline is None


class TestTurns:
    def test_a_turn_judges_some_messages_and_the_next_goes_on(self) -> None:
        pair = up()
        pair.left.handle(Data(KEEPALIVE * (2 * TURN_MESSAGES + 1)), pair.now)
        judged = [pair.left._counters.total_in]
        while pair.left.unjudged:
            assert not pair.left.wants_data, "the rest stays in the kernel"
            pair.left.handle(Data(b""), pair.now)
            judged.append(pair.left._counters.total_in)
        assert [b - a for a, b in itertools.pairwise(judged)] == [TURN_MESSAGES, 1]
        assert pair.left.wants_data

    def test_few_long_messages_are_a_turn_as_well(self) -> None:
        pair = up(extended_message=True)
        long = pack_announcements(
            [b"\6\1\x20\xc6\x33\x64\x05"] * 500, family=IPV4_FLOWSPEC, attributes=b""
        )[0]
        assert len(long) < TURN_OCTETS < 2 * len(long)
        outputs = pair.left.handle(Data(long * 3), pair.now)
        assert sum(isinstance(each, UpdateArrived) for each in outputs) == 2
        assert pair.left.unjudged

    def test_the_hold_timer_waits_for_what_is_not_judged(self) -> None:
        pair = up()
        hold = pair.left.deadline(Timer.HOLD)
        assert hold is not None
        pair.left.handle(Data(KEEPALIVE * (TURN_MESSAGES + 1)), hold)
        assert pair.left.handle(Due(unread=pair.left.unjudged), hold) == []

    def test_nothing_is_left_to_judge_after_the_end(self) -> None:
        pair = up()
        ceased = encode_message(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN), BEFORE_OPEN)
        pair.left.handle(Data(KEEPALIVE * (TURN_MESSAGES - 1) + ceased + KEEPALIVE), pair.now)
        assert pair.left.state is State.CLOSED
        assert not pair.left.unjudged
