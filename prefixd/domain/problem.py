"""What is wrong with an input, and where.

Builders and adapters return problems instead of raising, so that a file with five mistakes is
answered with five lines and not with the first one.
"""

from msgspec import Struct
from msgspec.structs import replace


class Problem(Struct, frozen=True):
    """`field` is a path such as `customers[3].prefixes[0]`; `reason` is a plain sentence.

    `code` is a stable word for programs. `index` is the element of a list payload it is about.
    """

    field: str
    reason: str
    code: str = "bad_field"
    index: int | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason

    def inside(self, outer: str) -> "Problem":
        """The same problem seen from the enclosing object."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return replace(self, field=f"{outer}{joint}{self.field}")
