"""Options as the kernel gives them back."""

import socket
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from prefixd.bgp.neighbor_settings import AoKey, Secret
from prefixd.bgp.session import socket_options
from prefixd.bgp.session.socket_options import prepare, prepare_dial, set_min_hops, set_user_timeout
from tests.kit.bgp import a_peer


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_every_connection_is_prepared(family: int, address: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        prepare(sock, a_peer(address=address, ttl_security_hops=2), internal=False)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket_options.TCP_USER_TIMEOUT) == 90_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket_options.TCP_NOTSENT_LOWAT) == 16_384
        assert not sock.getblocking()
        assert not sock.get_inheritable()
        if family == socket.AF_INET6:
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0xC0
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) == 255
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket_options.IPV6_MINHOPCOUNT) == 254
        else:
            assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0xC0
            assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 255
            assert sock.getsockopt(socket.IPPROTO_IP, socket_options.IP_MINTTL) == 254
        set_user_timeout(sock, 30)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket_options.TCP_USER_TIMEOUT) == 30_000
        set_min_hops(sock, 1)


@pytest.mark.parametrize(
    ("changes", "internal", "ttl"),
    [({}, False, 1), ({}, True, 64), ({"multihop": 7}, False, 7), ({"multihop": 7}, True, 7)],
)
def test_how_far_a_session_reaches(changes: dict[str, int], internal: bool, ttl: int) -> None:
    with socket.socket() as sock:
        prepare(sock, a_peer(**changes), internal=internal)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == ttl


def test_the_source_address_is_bound_before_the_call() -> None:
    with socket.socket() as sock:
        peer = replace(a_peer(), local_address=ip_address("127.0.0.9"))
        prepare_dial(sock, peer, internal=False)
        assert sock.getsockname()[0] == "127.0.0.9"


def test_the_layouts_are_those_of_the_kernel() -> None:
    """struct tcp_md5sig has 216 octets, struct tcp_ao_add 288."""
    network = ip_network("192.0.2.0/24")
    md5 = socket_options._md5_value(network, b"key", 1)
    assert len(md5) == 216
    assert md5[4:8] == bytes((192, 0, 2, 0))
    assert (md5[128], md5[129], md5[130]) == (1, 24, 3)
    assert md5[136:139] == b"key"
    ao = socket_options._ao_value(
        network, AoKey(send_id=7, receive_id=8, secret=Secret(b"s")), first=True
    )
    assert len(ao) == 288
    assert ao[128:138] == b"hmac(sha1)"
    assert ao[202:208] == bytes((24, 7, 8, 12, 0, 1))
    assert ao[208:209] == b"s"
