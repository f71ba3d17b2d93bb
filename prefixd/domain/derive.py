"""Frozen values at a price that thousands of them a second can pay.

A frozen dataclass guards itself with a `__setattr__` that refuses, so its generated `__init__` has
to write every field through `object.__setattr__`: for a group with nearly thirty fields that costs
more than most decisions made about it. `dataclasses.replace` pays it again for each small change.

Here a value is written through a twin: a plain class with the same slots, whose attributes the
interpreter stores directly. When all fields are set the object is given its real, frozen class (the
two have one memory layout, which Python checks), and from then on it is as frozen as any other.
What comes out is what `dataclass` and `replace` would have made, in a third and a tenth of the
time. It is meant for the values of the hot path; elsewhere a plain dataclass and `replace`, whose
fields type checkers know, are the better choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TypeVar, cast

T = TypeVar("T")

_twins: dict[type, type] = {}
_copiers: dict[tuple[object, ...], Callable[..., object]] = {}


def quick(kind: type[T]) -> type[T]:
    """Class decorator, above `@dataclass(frozen=True, slots=True)`: the same class, made faster."""
    assert is_dataclass(kind)
    parts = fields(kind)
    assert not hasattr(kind, "__post_init__")
    assert all(part.init and part.default_factory is MISSING for part in parts)
    names = {f"default_{part.name}": part.default for part in parts}
    lines = [f"def __init__({', '.join(['self', *_parameters(parts)])}):", _THAW]
    lines += [f"    self.{part.name} = {part.name}" for part in parts]
    made = _run("\n".join([*lines, _FREEZE]), "__init__", kind, names)
    made.__qualname__ = f"{kind.__qualname__}.__init__"
    made.__annotations__ = kind.__init__.__annotations__
    setattr(kind, "__init__", made)  # noqa: B010  type checkers shall see the one `dataclass` made
    return kind


def changed(value: T, **changes: object) -> T:
    """`value` with some fields set anew; an unknown field is a TypeError, as with `replace`."""
    key = (type(value), *changes)
    copier = _copiers.get(key)
    if copier is None:
        copier = _copiers[key] = _copier_for(type(value), tuple(changes))
    return cast("T", copier(value, **changes))


_THAW = "    thaw(self, '__class__', Twin)"
_FREEZE = "    self.__class__ = Kind"


def _parameters(parts: tuple["Field[object]", ...]) -> list[str]:
    def parameter(part: "Field[object]") -> str:
        return part.name if part.default is MISSING else f"{part.name}=default_{part.name}"

    named = [parameter(part) for part in parts if part.kw_only]
    return [parameter(part) for part in parts if not part.kw_only] + (
        ["*", *named] if named else []
    )


def _copier_for(kind: type, anew: tuple[str, ...]) -> Callable[..., object]:
    """One function per class and set of fields: a place in the code always changes the same ones,
    so there are as many as there are such places."""
    assert is_dataclass(kind)
    names = [part.name for part in fields(kind)]
    for name in anew:
        if name not in names:
            raise TypeError(f"{kind.__name__} has no field {name!r}")
    lines = [f"def copy({', '.join(['value', *(['*', *anew] if anew else [])])}):"]
    lines += ["    new = make(Twin)"]
    lines += [f"    new.{name} = {name if name in anew else f'value.{name}'}" for name in names]
    return _run("\n".join([*lines, "    new.__class__ = Kind", "    return new"]), "copy", kind, {})


def _run(source: str, name: str, kind: type, names: Mapping[str, object]) -> Callable[..., object]:
    """`dataclass` makes its methods from text in the same way."""
    scope: dict[str, object] = {
        **names,
        "Kind": kind,
        "Twin": _twin_of(kind),
        "make": object.__new__,
        "thaw": object.__setattr__,
    }
    exec(source, scope)  # noqa: S102  the text holds nothing but the names of fields
    return cast("Callable[..., object]", scope[name])


def _twin_of(kind: type) -> type:
    twin = _twins.get(kind)
    if twin is None:
        slots = {"__slots__": tuple(part.name for part in fields(kind))}
        twin = _twins[kind] = type(f"{kind.__name__}BeingMade", (), slots)
    return twin
