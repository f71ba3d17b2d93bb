"""Fifty routers, twenty thousand rules, and keepalives that do not wait for any of them."""

from tests.kit.dump import ROUTERS, RULES, dump


async def test_no_session_suffers_from_the_dump() -> None:
    """Hold time 9: several keepalives fall due while the table goes out. How late they were is
    printed by `python bench/bench_session.py`."""
    result = await dump()
    assert result["established"] == ROUTERS
    assert result["flaps"] == result["closed"] == 0
    assert result["octets"] > RULES * 10, "every router was told everything"
