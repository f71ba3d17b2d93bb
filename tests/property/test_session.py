"""Whatever a peer sends, in whatever pieces, a session answers in the ways it knows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.bgp.fsm.action import Close, SessionDown
from prefixd.bgp.fsm.state import State
from prefixd.bgp.session.io import (
    Begin,
    Clear,
    Data,
    Due,
    Input,
    OpenHeld,
    Output,
    Stop,
    Taken,
    Write,
)
from prefixd.bgp.session.session import KEEPALIVE, Session
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.header import MARKER
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.message import RouteRefresh, decode_message, encode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.packing import end_of_rib
from tests.kit.bgp import an_offer

EOR = end_of_rib(IPV4_FLOWSPEC)
REFRESH = encode_message(RouteRefresh(IPV4_FLOWSPEC), BEFORE_OPEN)
CEASE = encode_message(Notification(6, 4), BEFORE_OPEN)


def an_open() -> bytes:
    session = Session(an_offer(64501, peer=64500, router_id=2))
    session.handle(Begin(), 0.0)
    return b"".join(session.outgoing.waiting())


OPEN = an_open()
framed = st.builds(
    lambda kind, body: MARKER + (19 + len(body)).to_bytes(2, "big") + bytes((kind,)) + body,
    st.integers(0, 6),
    st.binary(max_size=60),
)
bent = st.builds(
    lambda octets, at, value: (
        octets[: at % len(octets)] + bytes((value,)) + octets[at % len(octets) + 1 :]
    ),
    st.sampled_from([OPEN, EOR, REFRESH, KEEPALIVE, CEASE]),
    st.integers(0, 200),
    st.integers(0, 255),
)
good = st.sampled_from([KEEPALIVE, EOR, REFRESH])
speech = st.one_of(good, good, framed, bent, st.binary(max_size=40))
inputs: st.SearchStrategy[Input] = st.one_of(
    speech.map(Data),
    speech.map(Data),
    st.sampled_from([Due(), Due(unread=True), Write(EOR), Taken(0), Stop(Notification(6, 2))]),
)


class Life:
    """A session with a shell that does as it is told, and a kernel that takes or refuses."""

    def __init__(self) -> None:
        self.session = Session(an_offer())
        self.now = 0.0
        self.outputs: list[Output] = []
        self.sent = b""

    def feed(self, what: Input, *, take: bool) -> None:
        if isinstance(what, Write) and self.session.state is not State.ESTABLISHED:
            return
        before = self.session.outgoing.size
        outputs = self.session.handle(what, self.now)
        self.outputs += outputs
        if any(isinstance(each, OpenHeld) for each in outputs):
            self.feed(Clear(), take=take)
        waiting = b"".join(self.session.outgoing.waiting())
        if take and waiting:
            self.sent += waiting
            self.outputs += self.session.handle(Taken(len(waiting)), self.now)
        elif len(waiting) > before:
            self.outputs += self.session.handle(Taken(0), self.now)


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(inputs, st.booleans(), st.floats(0, 40)), max_size=30),
)
def test_any_speech(introduced: bool, story: list[tuple[Input, bool, float]]) -> None:
    life = Life()
    life.feed(Begin(), take=True)
    if introduced:
        life.feed(Data(OPEN + KEEPALIVE), take=True)
        assert life.session.state is State.ESTABLISHED
    for what, take, pause in story:
        life.now += pause
        life.feed(what, take=take)
        assert life.session.outgoing.size < 64 * 1024
    downs = [each for each in life.outputs if isinstance(each, SessionDown)]
    assert len(downs) == (life.session.state is State.CLOSED)
    if downs:
        assert life.session.next_deadline is None
        assert any(isinstance(each, Close) for each in life.outputs)
    everything = life.sent + b"".join(life.session.outgoing.waiting())
    notifications = 0
    while everything:
        length = int.from_bytes(everything[16:18], "big")
        message = decode_message(everything[:length], BEFORE_OPEN)
        notifications += isinstance(message, Notification)
        everything = everything[length:]
        assert not notifications or not everything, "a NOTIFICATION is the last word"


@settings(max_examples=100, deadline=None)
@given(st.lists(good, min_size=1, max_size=12), st.lists(st.integers(1, 50), max_size=40))
def test_pieces_make_no_difference(messages: list[bytes], cuts: list[int]) -> None:
    whole, pieces = Life(), Life()
    for life in (whole, pieces):
        life.feed(Begin(), take=True)
        life.feed(Data(OPEN + KEEPALIVE), take=True)
    stream = b"".join(messages)
    whole.feed(Data(stream), take=True)
    for cut in cuts:
        pieces.feed(Data(stream[:cut]), take=True)
        stream = stream[cut:]
    pieces.feed(Data(stream), take=True)
    assert whole.outputs == pieces.outputs
