from ipaddress import ip_address

from prefixd.bgp.settings import AdmissionSettings
from prefixd.bgp.speaker.listener import Admission, Admitted

ALICE, BOB = ip_address("192.0.2.1"), ip_address("2001:db8::1")


def test_five_calls_a_minute_from_one_source() -> None:
    admission = Admission(AdmissionSettings())
    answers = [admission.ask(ALICE, 0, now) for now in range(6)]
    assert answers == [Admitted.YES] * 5 + [Admitted.TOO_OFTEN]
    assert admission.ask(BOB, 0, 6) is Admitted.YES
    assert admission.ask(ALICE, 0, 60.0) is Admitted.YES, "the first call is a minute old"
    assert admission.ask(ALICE, 0, 60.5) is Admitted.TOO_OFTEN


def test_refused_calls_do_not_extend_the_penalty() -> None:
    admission = Admission(AdmissionSettings())
    for now in range(60):
        admission.ask(ALICE, 0, now)
    assert admission.ask(ALICE, 0, 61.0) is Admitted.YES


def test_a_hundred_pending_handshakes() -> None:
    admission = Admission(AdmissionSettings())
    assert admission.ask(ALICE, 99, 0) is Admitted.YES
    assert admission.ask(ALICE, 100, 0) is Admitted.FULL


def test_memory_of_callers_is_bounded() -> None:
    admission = Admission(AdmissionSettings(connections_per_source_per_minute=1, tracked_sources=2))
    assert admission.ask(ALICE, 0, 0) is Admitted.YES
    for last in (2, 3):
        admission.ask(ip_address(f"192.0.2.{last}"), 0, 1)
    assert admission.ask(ALICE, 0, 2) is Admitted.YES, "the oldest caller was forgotten"
