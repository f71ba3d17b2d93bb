from prefixd.auth.throttle import Attempts, RateLimiter


def test_the_sixth_failure_within_a_minute_waits() -> None:
    attempts = Attempts(limit=5, window_s=60)
    for second in range(5):
        assert attempts.wait_s("alice", now=second) == 0
        attempts.failed("alice", now=second)
    assert attempts.wait_s("alice", now=10) == 50
    assert attempts.wait_s("alice", now=60.5) == 0
    assert attempts.wait_s("bob", now=10) == 0


def test_success_clears_the_failures() -> None:
    attempts = Attempts(limit=2, window_s=60)
    attempts.failed("alice", 0)
    attempts.failed("alice", 1)
    assert attempts.wait_s("alice", 2) > 0
    attempts.succeeded("alice")
    assert attempts.wait_s("alice", 2) == 0


def test_memory_is_bounded_by_forgetting_the_oldest_key() -> None:
    attempts = Attempts(limit=1, window_s=60, max_keys=3)
    for name in ("a", "b", "c", "d"):
        attempts.failed(name, 0)
    assert attempts.wait_s("a", 1) == 0
    assert attempts.wait_s("d", 1) > 0


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    limiter = RateLimiter(rate_per_s=10, burst=3)
    assert [limiter.take("c", 0) for _ in range(3)] == [0, 0, 0]
    assert limiter.take("c", 0) == 0.1
    assert limiter.take("c", 0.1) == 0
    assert limiter.take("other", 0) == 0


def test_a_clock_that_stands_still_or_goes_back_gives_no_tokens() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=1)
    assert limiter.take("c", 100) == 0
    assert limiter.take("c", 50) > 0


def test_one_clients_storm_leaves_the_others_alone_and_memory_bounded() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=1, max_keys=10)
    for number in range(1000):
        limiter.take(f"spoofed-{number}", 0)
    assert limiter.take("honest", 0) == 0
