"""A changed copy of a frozen value, for the paths that make thousands of them a second.

`dataclasses.replace` runs the whole generated `__init__`, one guarded assignment per field; a group
has nearly thirty. Here the old slots are read at once and written to the new value directly, which
takes less than half the time. The result is the same as `replace` would give for our frozen slotted
dataclasses, none of which computes anything when it is made. Elsewhere prefer `replace`: type
checkers know its fields.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import TypeVar, cast

T = TypeVar("T")
_Write = Callable[[object, object], None]
_Plan = tuple[Callable[[object], tuple[object, ...]], tuple[_Write, ...], dict[str, _Write]]

_plans: dict[type, _Plan] = {}


def changed(value: T, **changes: object) -> T:
    """`value` with some fields set anew; an unknown field is a TypeError, as with `replace`."""
    kind = type(value)
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _plan_for(kind)
    read, write_all, write = plan
    new = object.__new__(kind)
    for set_slot, held in zip(write_all, read(value), strict=True):
        set_slot(new, held)
    for name, given in changes.items():
        setter = write.get(name)
        if setter is None:
            raise TypeError(f"{kind.__name__} has no field {name!r}")
        setter(new, given)
    return new


def _plan_for(kind: type) -> _Plan:
    assert is_dataclass(kind)
    names = [field.name for field in fields(kind)]
    assert len(names) > 1  # of one name attrgetter gives the value and not a tuple
    read = cast("Callable[[object], tuple[object, ...]]", attrgetter(*names))
    write = {name: cast("_Write", getattr(kind, name).__set__) for name in names}
    return read, tuple(write.values()), write
