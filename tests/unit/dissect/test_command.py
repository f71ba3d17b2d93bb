"""The support tool: what it prints for messages good and bad, and its exit codes."""

import io
import re
import sys
from pathlib import Path

import pytest

from prefixd.__main__ import main
from prefixd.bgp.session.recorder import transcript
from prefixd.dissect.command import parse_hex, split_messages
from tests.golden.test_messages import HEX
from tests.kit.wire import EXTERNAL, REACH, attribute, message, reach, update

SESSIONS = Path(__file__).parents[2] / "replay" / "bgp_session"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["dissect", *arguments])
    return status, capsys.readouterr().out


def test_every_octet_of_every_golden_message_is_shown_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, octets in HEX.items():
        flags = ["--internal"] if name == "U2" else []
        status, out = run(capsys, octets, *flags)
        assert status == 0
        fields = [line for line in out.splitlines() if not line.startswith("=>")]
        assert "".join(line[7:31] for line in fields).replace(" ", "") == octets
        offsets = [int(line[:5]) for line in fields]
        assert offsets == sorted(set(offsets))
        assert "fault" not in out


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("M1", "=> KEEPALIVE"),
        ("M2", "=> OPEN of AS 4200000001, 8 capabilities"),
        ("M3", "=> ROUTE-REFRESH for ipv4-flowspec"),
        ("M6", "=> End-of-RIB of ipv4-flowspec"),
        ("M9", '=> NOTIFICATION 6/2 cease/administrative shutdown "maintenance"'),
        ("U3", "=> withdraw ipv4-flowspec dst 198.51.100.10/32 proto udp sport 53 length >=512"),
        (
            "U2",
            "=> announce ipv4-flowspec dst 198.51.100.10/32 proto udp sport 53 length >=512"
            " then limit 1000000 bit/s",
        ),
        (
            "U6",
            "=> announce ipv4-flowspec dst 203.0.113.0/24 proto tcp dport 80,443"
            " then redirect to 65001:100",
        ),
        ("U8", "=> announce ipv4-unicast 198.51.100.10/32 via 192.0.2.66"),
        ("U9", "=> announce ipv6-unicast 2001:db8::1/128 via 100::1"),
        ("U8", "39 c0 00 02 42 next hop 192.0.2.66"),
        ("U7", "62 01 0c c0 00 02 01 00 00 extended community redirect to 192.0.2.1"),
        ("U9", "30 01 00 00 00 00 00 00 00 next hop 100::1"),
    ],
)
def test_conclusions_and_meanings(capsys: pytest.CaptureFixture[str], name: str, line: str) -> None:
    _, out = run(capsys, HEX[name])
    squeezed = [" ".join(each.split()) for each in out.splitlines()]
    assert line in squeezed


def test_noise_in_the_input_is_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    spaced = " ".join(HEX["M3"][at : at + 2] for at in range(0, len(HEX["M3"]), 2))
    for text in (HEX["M3"].upper(), spaced, spaced.replace(" ", ":"), "0x" + HEX["M3"]):
        assert run(capsys, *text.split()) == run(capsys, HEX["M3"])


def test_several_messages_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{HEX['M1']}\n{HEX['M8']}"))
    status, out = run(capsys, "-")
    assert status == 0
    assert "=> KEEPALIVE\n\n" in out
    assert out.endswith("=> End-of-RIB of ipv4-unicast\n")


def test_what_would_end_the_session_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, update(REACH, REACH).hex())
    assert status == 1
    assert "=> error a second MP_REACH_NLRI in MP_REACH_NLRI at offset 41" in out
    assert "=> answer NOTIFICATION 3/1" in out


def test_a_cut_message_is_explained_as_far_as_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, HEX["U1"][:60])
    assert status == 1
    assert "not read" in out
    assert "=> error 30 octets, the header gives 72" in out
    status, out = run(capsys, "ffff")
    assert "=> error 2 octets, a header has 19" in out


def test_a_broken_notification_gets_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, "ff" * 16 + "001403" + "06")
    assert "=> answer nothing" in out


def test_faults_are_shown_with_their_reaction(capsys: pytest.CaptureFixture[str]) -> None:
    octets = update(reach("0381110f"), attribute(0x40, 1, "05"))
    status, out = run(capsys, octets.hex())
    assert status == 0
    assert "=> fault withdraw: origin 5 in origin in ORIGIN at offset" in out
    assert "=> withdraw ipv4-flowspec (unreadable) 81110f" in out


def test_a_rule_that_ends_too_early_is_shown_as_far_as_it_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out = run(capsys, update(reach("050120c63364")).hex())
    assert "not readable" in out


def test_options_change_the_reading(capsys: pytest.CaptureFixture[str]) -> None:
    two = update("40010100", "4002040201fde9", "400304c0000242", nlri="20c633640a").hex()
    assert "=> fault" in run(capsys, two)[1]
    assert "=> fault" not in run(capsys, two, "--two-octet-as")[1]
    path = update(withdrawn="0000000920c633640a").hex()
    _, out = run(capsys, path, "--add-path", "ipv4-unicast")
    assert "=> withdraw ipv4-unicast 198.51.100.10/32 path 9" in out
    long = message(2, "0000" + "0000" + "20c633640a" * 900).hex()
    assert run(capsys, long)[0] == 1
    assert run(capsys, long, "--extended-messages")[0] == 0


@pytest.mark.parametrize("text", ["f", "zz", "ff f"])
def test_what_is_not_hexadecimal_is_refused(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert main(["dissect", text]) == 2
    assert "hexadecimal" in capsys.readouterr().err


def test_without_octets_it_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dissect"]) == 2
    assert "--session FILE" in capsys.readouterr().err


def test_a_recorded_session_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    journal = SESSIONS / "a_whole_life.jsonl"
    assert main(["dissect", "--session", str(journal)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == transcript(journal.read_text().splitlines())
    assert lines[0] == "     0.000 in   begin"


@pytest.mark.parametrize("text", ["just words", "[1]\n", '{"session": 1}\n'])
def test_another_file_is_not_a_session(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    assert main(["dissect", "--session", str(path)]) == 2
    assert "not the journal of a session" in capsys.readouterr().err
    assert main(["dissect", "--session", str(tmp_path / "absent")]) == 2


def test_parse_hex() -> None:
    assert parse_hex("0xFF:00\n1 2") == b"\xff\x00\x12"


def test_splitting_stops_at_what_is_no_header() -> None:
    keepalive = bytes.fromhex(HEX["M1"])
    assert list(split_messages(keepalive + b"garbage", EXTERNAL)) == [keepalive, b"garbage"]


def test_the_manual_shows_what_the_tool_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """Every console block of the manual that calls the tool; where it shows only conclusions,
    only those are compared."""
    manual = (Path(__file__).parents[3] / "docs" / "wire.md").read_text()
    prompt = re.escape("$ prefixd dissect ")
    blocks = re.findall(rf"```console\n{prompt}(\S+)\n(.*?)\n```", manual, re.DOTALL)
    assert len(blocks) == 3
    for octets, shown in blocks:
        _, out = run(capsys, octets)
        lines = out.splitlines()
        if shown.startswith("=>"):
            lines = [line for line in lines if line.startswith("=>")]
        assert shown.splitlines() == lines
