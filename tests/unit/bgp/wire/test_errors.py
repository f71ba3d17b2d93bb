"""Errors and faults: their words, and which reaction wins."""

from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError, strongest


def fault(reaction: Reaction) -> Fault:
    return Fault(
        reaction=reaction, reason=Reason.NLRI_EMPTY, detail="why", offset=7, field="somewhere"
    )


def test_the_ladder() -> None:
    rungs = [fault(reaction) for reaction in Reaction]
    for height, rung in enumerate(rungs, start=1):
        assert strongest(rungs[:height]) is rung.reaction
        assert strongest(reversed(rungs[:height])) is rung.reaction
    assert strongest([]) is None


def test_words_name_what_where_and_the_registry() -> None:
    error = WireError("2 octets expected, 1 left", offset=21, field="length", code=3, subcode=1)
    assert str(error) == (
        "2 octets expected, 1 left in length at offset 21"
        " (3/1 update message/malformed attribute list)"
    )
    assert str(WireError("odd")).startswith("odd at offset 0")
    assert str(fault(Reaction.DISCARD)) == "discard: why in somewhere at offset 7"
