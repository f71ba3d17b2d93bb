"""Civil time that does not jump under our feet.

Rows carry civil microseconds, people read them, and they must mean the same after a restart. But a
civil clock can be set: an hour forwards would end every rule at once, an hour back would keep each
one an hour too long. So the engine reads civil time once, and from there on adds what the monotonic
clock says. When the two disagree by more than `JUMP_US`, somebody set the clock: `jump()` says by
how much, and whoever keeps moments translates them by that much, so that a rule with two minutes
left has two minutes left. Smaller differences are followed, never backwards.
"""

from prefixd.clock import Clock

JUMP_US = 2_000_000


class SteadyTime:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us = clock.now_us() - round(clock.monotonic() * 1_000_000)

    def monotonic_us(self) -> int:
        return round(self._clock.monotonic() * 1_000_000)

    def now_us(self) -> int:
        return self.monotonic_us() + self._offset_us

    def to_monotonic(self, at_us: int) -> int:
        return at_us - self._offset_us

    def jump(self) -> int:
        """How far the civil clock was set since we last followed it; 0 when it was not.

        A non-zero answer is given once: afterwards `now_us` is the new civil time.
        """
        difference = self._clock.now_us() - self.now_us()
        if abs(difference) < JUMP_US:
            if difference > 0:
                self._offset_us += difference
            return 0
        self._offset_us += difference
        return difference
