"""A journal of all inputs of one session, which replays that session exactly.

One file per connection, one JSON list per line: the time and the input. The first line holds what
the session was made of. Keys and passwords are not part of a session and cannot get in here; routes
and shutdown texts are, so a journal is as confidential as a packet capture.

`transcript()` runs a journal through a new session and prints, line by line, what went in, what
came out and what was sent. A transcript kept in the repository is a regression test made from an
operator's bad night.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Final, TextIO, assert_never

from prefixd.bgp.fsm.action import Close, SessionDown, SessionUp
from prefixd.bgp.fsm.event import SendDrained
from prefixd.bgp.fsm.negotiate import GracefulOffer, Offer
from prefixd.bgp.session.io import (
    Ask,
    Begin,
    Clear,
    Data,
    Due,
    Faulty,
    Gone,
    Input,
    OpenHeld,
    Output,
    Probe,
    RefreshArrived,
    Stalled,
    Stop,
    Taken,
    UpdateArrived,
    Write,
)
from prefixd.bgp.session.session import Session
from prefixd.bgp.wire.iana import Family, RoleCode
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification

log = logging.getLogger(__name__)

FORMAT: Final = 1
MAX_JOURNAL_OCTETS: Final = 16 * 1024 * 1024

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


class Recorder:
    """Appends to a text stream; falls silent at MAX_JOURNAL_OCTETS rather than fill a disk."""

    __slots__ = ("_out", "_room")

    def __init__(self, out: TextIO, offer: Offer, *, initial_hold_s: float, seed: int) -> None:
        self._out = out
        self._room = MAX_JOURNAL_OCTETS
        self._line(
            {
                "session": FORMAT,
                "initial_hold_s": initial_hold_s,
                "seed": seed,
                "offer": _offer_to_plain(offer),
            }
        )

    def record(self, what: Input, now: float) -> None:
        if self._room > 0:
            self._line([now, *_to_plain(what)])

    def close(self) -> None:
        self._room = 0
        try:
            self._out.close()
        except OSError as error:
            self._give_up(error)

    def _line(self, value: Plain) -> None:
        line = json.dumps(value, separators=(",", ":")) + "\n"
        self._room -= len(line)
        try:
            self._out.write(line)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """A journal is a convenience; a session must not fail for want of one."""
        self._room = 0
        log.warning("session journal not written", extra={"error": error.strerror})


def replay(lines: Iterable[str]) -> Iterator[tuple[float, Input, list[Output], bytes]]:
    """Every input with its time, what the session made of it, and the octets it then sent."""
    source = iter(lines)
    head = json.loads(next(source))
    session = Session(
        _offer_from_plain(head["offer"]),
        initial_hold_s=head["initial_hold_s"],
        seed=head["seed"],
    )
    offered = 0
    for line in source:
        now, *parts = json.loads(line)
        what = _from_plain(parts)
        outputs = session.handle(what, now)
        waiting = b"".join(session.outgoing.waiting())
        if isinstance(what, Taken):
            offered -= what.octets
        if offered > len(waiting):  # a NOTIFICATION cut the queue
            offered = 0
        yield now, what, outputs, waiting[offered:]
        offered = len(waiting)


def transcript(lines: Iterable[str]) -> list[str]:
    """A replay as text. Times are relative to the first input."""
    advertised: list[str] = []
    start: float | None = None
    for now, what, outputs, sent in replay(lines):
        start = now if start is None else start
        at = f"{now - start:10.3f}"
        advertised.append(f"{at} in   {_tell_input(what)}")
        advertised += [f"{at} out  {_tell_output(output)}" for output in outputs]
        if sent:
            advertised.append(f"{at} sent {sent.hex()}")
    return advertised


def _tell_input(what: Input) -> str:
    return " ".join(str(part) for part in _to_plain(what))


def _tell_output(output: Output) -> str:
    match output:
        case OpenHeld(terms):
            return f"open held, peer AS {terms.peer_asn}"
        case SessionUp(terms):
            families = ", ".join(sorted(str(family) for family in terms.families))
            return f"up, hold time {terms.hold_time_s} s, {families}"
        case UpdateArrived(update):
            return f"update with {len(update.attributes)} attributes"
        case RefreshArrived(refresh):
            return f"refresh {refresh.family} subtype {refresh.subtype}"
        case Faulty(_, _, detail):
            return f"faulty: {detail}"
        case SendDrained():
            return "drained"
        case Stalled(level, seconds, queued):
            return f"stalled, {level.value} after {seconds:.1f} s with {queued} octets"
        case Close(mode):
            return f"closing, {mode.value}"
        case SessionDown(reason):
            return f"down, {reason}"
        case _:
            assert_never(output)


def _to_plain(what: Input) -> list[Plain]:
    match what:
        case Begin():
            return ["begin"]
        case Data(octets):
            return ["data", octets.hex()]
        case Due(unread):
            return ["due", unread]
        case Clear():
            return ["clear"]
        case Write(octets, messages):
            return ["write", octets.hex(), messages]
        case Ask(refresh):
            return ["ask", refresh.family.afi, refresh.family.safi, refresh.subtype]
        case Probe():
            return ["probe"]
        case Taken(octets):
            return ["taken", octets]
        case Stop(None, detail):
            return ["stop", detail]
        case Stop(notification, detail):
            assert notification is not None
            code, subcode = notification.code, notification.subcode
            return ["stop", detail, code, subcode, notification.data.hex()]
        case Gone(detail, reset):
            return ["gone", detail, reset]
        case _:
            assert_never(what)


def _from_plain(parts: list[Plain]) -> Input:
    match parts:
        case ["begin"]:
            return Begin()
        case ["data", str(octets)]:
            return Data(bytes.fromhex(octets))
        case ["due", bool(unread)]:
            return Due(unread)
        case ["clear"]:
            return Clear()
        case ["write", str(octets), int(messages)]:
            return Write(bytes.fromhex(octets), messages)
        case ["ask", int(afi), int(safi), int(subtype)]:
            return Ask(RouteRefresh(Family(afi, safi), subtype))
        case ["probe"]:
            return Probe()
        case ["taken", int(octets)]:
            return Taken(octets)
        case ["stop", str(detail)]:
            return Stop(None, detail)
        case ["stop", str(detail), int(code), int(subcode), str(data)]:
            return Stop(Notification(code, subcode, bytes.fromhex(data)), detail)
        case ["gone", str(detail), bool(reset)]:
            return Gone(detail, reset)
        case _:
            raise ValueError(f"no session input: {parts!r}")


def _offer_to_plain(offer: Offer) -> Plain:
    graceful = offer.graceful
    return {
        "local_asn": offer.local_asn,
        "router_id": offer.router_id,
        "peer_asns": list[Plain](sorted(offer.peer_asns)),
        "families": _families_to_plain(offer.families),
        "required_families": _families_to_plain(offer.required_families),
        "hold_time_s": offer.hold_time_s,
        "min_hold_time_s": offer.min_hold_time_s,
        "keepalive_s": offer.keepalive_s,
        "send_hold_time_s": offer.send_hold_time_s,
        "graceful": None
        if graceful is None
        else {
            "restart_time_s": graceful.restart_time_s,
            "families": _families_to_plain(graceful.families),
            "restarting": graceful.restarting,
            "stale_time_s": graceful.stale_time_s,
        },
        "extended_message": offer.extended_message,
        "accept_long_messages": offer.accept_long_messages,
        "enhanced_refresh": offer.enhanced_refresh,
        "role": None if offer.role is None else int(offer.role),
        "role_strict": offer.role_strict,
        "host": offer.host.hex(),
        "domain": offer.domain.hex(),
        "enforce_first_as": offer.enforce_first_as,
    }


def _families_to_plain(families: Iterable[Family]) -> list[Plain]:
    return [[family.afi, family.safi] for family in families]


def _offer_from_plain(plain: dict[str, object]) -> Offer:
    values = dict(plain)
    graceful = values.pop("graceful")
    if isinstance(graceful, dict):
        families = _families_from_plain(graceful.pop("families"))
        values["graceful"] = GracefulOffer(families=families, **graceful)
    values["peer_asns"] = frozenset(values["peer_asns"])  # type: ignore[call-overload]  # JSON
    for key in ("families", "required_families"):
        values[key] = _families_from_plain(values[key])
    role = values["role"]
    values["role"] = None if role is None else RoleCode(int(str(role)))
    for key in ("host", "domain"):
        values[key] = bytes.fromhex(str(values[key]))
    return Offer(**values)  # type: ignore[arg-type]  # written by _offer_to_plain


def _families_from_plain(plain: object) -> tuple[Family, ...]:
    assert isinstance(plain, list)
    return tuple(Family(afi, safi) for afi, safi in plain)
