"""correlation.yaml: its place, its adapters, and what the earlier daemon's files wrote in it."""

from pathlib import Path

import pytest

from prefixd.domain.vector import Vector
from tests.unit.config.directories import load, make, texts

ADAPTER = """\
webhook_adapters:
  - name: box-b
    auth: {type: none}
    allow_from: ["192.0.2.0/24"]
    fields: {victim_ip: "$.dst"}
    vector_map: {%s}
"""


@pytest.mark.parametrize(
    ("word", "vector"),
    [
        ("dns_amp", Vector.DNS_AMPLIFICATION),
        ("ntp_amp", Vector.NTP_AMPLIFICATION),
        ("memcached_amp", Vector.MEMCACHED_AMPLIFICATION),
        ("tcp_syn_flood", Vector.SYN_FLOOD),
    ],
)
def test_vectors_have_their_earlier_names_as_well(
    tmp_path: Path, word: str, vector: Vector
) -> None:
    config = load(make(tmp_path, correlation=ADAPTER % f"DNS: {word}"))
    assert dict(config.signals.webhooks[0].vector_map) == {"DNS": vector}
    (warning,) = [str(found) for found in config.warnings if "vector_map" in found.path]
    assert f"{word} means {vector.value} here; write {vector.value}" in warning


def test_an_unknown_vector_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    (text,) = texts(make(tmp_path, correlation=ADAPTER % "DNS: dns_amplifikation"))
    assert "did you mean dns_amplification?" in text


def test_an_adapter_without_authentication_is_told_to_name_its_senders(tmp_path: Path) -> None:
    correlation = (ADAPTER % "").replace('    allow_from: ["192.0.2.0/24"]\n', "")
    (text,) = texts(make(tmp_path, correlation=correlation))
    assert "auth.type: none requires allow_from: list the networks that may post" in text


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_mistake_has_its_line_with_and_without_the_root_key(
    tmp_path: Path, wrapped: bool
) -> None:
    correlation = (ADAPTER % "").replace('    allow_from: ["192.0.2.0/24"]\n', "")
    if wrapped:
        lines = "".join(f"  {line}\n" for line in correlation.splitlines())
        correlation = f"correlation:\n{lines}"
    (text,) = texts(make(tmp_path, correlation=correlation))
    assert text.startswith(f"correlation.yaml:{3 + wrapped}:{18 + 2 * wrapped}: ")


def test_a_wrapped_alerting_file_keeps_its_lines(tmp_path: Path) -> None:
    alerting = "alerting:\n  destinations:\n    - {type: generic, url: 'http://192.0.2.1:x/'}\n"
    (text,) = texts(make(tmp_path, alerting=alerting))
    assert text.startswith("alerting.yaml:3:")
