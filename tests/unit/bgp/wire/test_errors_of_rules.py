"""What is wrong with one FlowSpec rule inside an UPDATE, and what it costs.

The ids of the parameters are the rows of the tables of errors: input, reaction, NOTIFICATION code,
subcode and data.
"""

import pytest

from prefixd.bgp.wire.errors import Reaction, Reason
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_text import format_rule
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.mp_reach import RawNlri
from tests.kit.wire import (
    AS_PATH,
    DISCARD,
    ORIGIN,
    families,
    outcome_of,
    reach,
    reactions,
    update,
)

W = Reaction.WITHDRAW
I = Reaction.IGNORE  # noqa: E741  the tables of the RFCs use these letters
F = Reaction.DISABLE_FAMILY
TAIL = (ORIGIN, AS_PATH, DISCARD)

WITHDRAWN = "that rule is withdrawn"
IGNORED = "nothing happens"
FAMILY = "the family is disabled"


@pytest.mark.parametrize(
    ("afi", "nlri", "expected"),
    [
        pytest.param(1, "00", IGNORED, id="X01 zero length NLRI 00"),
        pytest.param(1, "100120c633640a", FAMILY, id="X02 NLRI length beyond attr"),
        pytest.param(1, "090381110120c633640a", WITHDRAWN, id="X03 unordered components"),
        pytest.param(1, "0c0120c633640a058150058151", WITHDRAWN, id="X04 dup comp type5"),
        pytest.param(1, "090120c633640a0e8101", WITHDRAWN, id="X05 unknown comp 14"),
        pytest.param(1, "090120c633640a0d8101", WITHDRAWN, id="X06 comp 13 in v4"),
        pytest.param(1, "03008101", WITHDRAWN, id="X07 comp type 0"),
        pytest.param(1, "0701210102030405", WITHDRAWN, id="X08 prefix len 33"),
        pytest.param(1, "050114c6336f", "dst 198.51.96.0/20", id="X09 prefix host bits"),
        pytest.param(1, "0a0120c633640a0b91002e", WITHDRAWN, id="X10 dscp 2B"),
        pytest.param(1, "0a0120c633640a0c910002", WITHDRAWN, id="X11 frag 2B"),
        pytest.param(
            1,
            "0a0120c633640a09910002",
            "dst 198.51.100.10/32 tcp-flags =syn",
            id="X12 tcpflags 2B",
        ),
        pytest.param(
            1,
            "0c0120c633640a05a100000050",
            "dst 198.51.100.10/32 dport 80",
            id="X13 port 4B value 80",
        ),
        pytest.param(
            1,
            "100120c633640a05b10000000000000050",
            "dst 198.51.100.10/32 dport 80",
            id="X14 port 8B value 80",
        ),
        pytest.param(1, "0c0120c633640a05a100011170", WITHDRAWN, id="X15 port 4B 70000"),
        pytest.param(
            1,
            "0a0120c633640a03910011",
            "dst 198.51.100.10/32 proto udp",
            id="X16 proto 2B",
        ),
        pytest.param(
            1,
            "090120c633640a05c150",
            "dst 198.51.100.10/32 dport 80",
            id="X17 AND on first op",
        ),
        pytest.param(
            1,
            "090120c633640a058950",
            "dst 198.51.100.10/32 dport 80",
            id="X18 reserved op bit 0x08",
        ),
        pytest.param(1, "090120c633640a050150", WITHDRAWN, id="X19 no end-of-list"),
        pytest.param(1, "090120c633640a059150", WITHDRAWN, id="X20 truncated value"),
        pytest.param(1, "0b0120c633640a0581508151", WITHDRAWN, id="X21 trailing after EOL"),
        pytest.param(
            1,
            "090120c633640a058050",
            "dst 198.51.100.10/32 dport false(80)",
            id="X22 false op 0x80 (no lt/gt/eq)",
        ),
        pytest.param(
            1,
            "090120c633640a058750",
            "dst 198.51.100.10/32 dport true(80)",
            id="X23 true op 0x87",
        ),
        pytest.param(
            1,
            "f0090120c633640a038111",
            "dst 198.51.100.10/32 proto udp",
            id="X24 2B length for short body (f009)",
        ),
        pytest.param(2, "03012028", WITHDRAWN, id="X25 v6 offset>len"),
        pytest.param(
            2,
            "140181000000000000000000000000000000000000",
            WITHDRAWN,
            id="X26 v6 len 129",
        ),
        pytest.param(
            2,
            "1601800020010db80000000000000000000000010c8101",
            "dst 2001:db8::1/128 fragment =0x0",
            id="X27 v6 frag DF bit",
        ),
        pytest.param(
            2,
            "08016840123456789a",
            "dst ::1234:5678:9a00:0/104/64",
            id="X28 v6 offset rfc8956 (len104 off64)",
        ),
        pytest.param(
            2,
            "100168400000000000000000123456789a",
            WITHDRAWN,
            id="X29 v6 offset old draft (full bytes)",
        ),
    ],
)
def test_single_rule(afi: int, nlri: str, expected: str) -> None:
    """What is accepted is shown as the rule it becomes, cleaned of what a receiver ignores."""
    family = Family(afi, 133)
    outcome = outcome_of(update(reach(nlri, afi=afi), *TAIL))
    match expected:
        case "that rule is withdrawn":
            assert reactions(outcome) == [(W, Reason.NLRI_CONTENT)]
            assert families(outcome) == ([family], [])
            assert outcome.withdrawn[0].nlri == (RawNlri(bytes.fromhex(nlri)[1:]),)
        case "nothing happens":
            assert reactions(outcome) == [(I, Reason.NLRI_EMPTY)]
            assert families(outcome) == ([], [])
        case "the family is disabled":
            assert reactions(outcome) == [(F, Reason.NLRI_FRAMING)]
            assert outcome.disabled == {family}
        case _:
            assert outcome.faults == ()
            [rule] = outcome.announced[0].nlri
            assert isinstance(rule, FlowSpecRule)
            assert format_rule(rule) == expected
