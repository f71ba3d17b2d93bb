"""How punctual keepalives are while 20,000 rules go to 50 routers over loopback.

`python -m bench.bench_session` prints one line; the sinks run in the same process and loop, so the
figures include their work.
"""

import asyncio

from tests.kit.dump import RULES, dump


def main() -> None:
    result = asyncio.run(dump())
    print(f"{RULES} rules to {result['routers']:.0f} routers in {result['dump_s']:.2f} s")
    print(f"worst keepalive lateness {result['keepalive_late_s']:.3f} s")
    print(f"worst loop lag {result['loop_lag_s']:.3f} s, flaps {result['flaps']:.0f}")


if __name__ == "__main__":
    main()
