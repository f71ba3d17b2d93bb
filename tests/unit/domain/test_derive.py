"""The quick ways to make a value give what the slow ones give."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from prefixd.domain.derive import changed, quick
from prefixd.domain.group import GroupState
from prefixd.domain.mitigation import Status
from tests.kit.builders import a_draft, a_group, a_mitigation, a_rule, a_signal, an_evidence

VALUES = [a_group(), a_mitigation(), an_evidence(), a_signal(), a_draft(), a_rule()]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_is_carried_over(value: object) -> None:
    same = changed(value)
    assert same == value
    assert same is not value
    assert type(same) is type(value)
    for part in fields(value):  # type: ignore[arg-type]  # because each value is a dataclass
        assert getattr(same, part.name) is getattr(value, part.name)


def test_changes_are_those_of_replace() -> None:
    group, mitigation = a_group(), a_mitigation()
    assert changed(group, state=GroupState.HELD, version=7) == replace(
        group, state=GroupState.HELD, version=7
    )
    assert changed(mitigation, status=Status.EXPIRED).status is Status.EXPIRED
    assert mitigation.status is Status.ACTIVE


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Group has no field 'stat'"):
        changed(a_group(), stat=1)


def test_the_copy_is_frozen_too() -> None:
    same = changed(a_group())
    with pytest.raises(FrozenInstanceError):
        same.version = 2  # type: ignore[misc]  # because that is what must fail


@quick
@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    z: int = field(default=3, kw_only=True)


def test_a_quickly_made_value_is_like_any_frozen_one() -> None:
    point = Point(1)
    assert (point.x, point.y, point.z) == (1, 2, 3)
    assert point == Point(x=1, y=2, z=3)
    assert hash(point) == hash(Point(1))
    assert repr(point) == "Point(x=1, y=2, z=3)"
    assert type(point) is Point
    assert replace(point, z=9) == Point(1, z=9)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]  # because that is what must fail


def test_parameters_stay_what_the_class_says() -> None:
    assert list(inspect.signature(Point).parameters) == ["x", "y", "z"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]  # because that is what must fail
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        Point(1, 2, 3)  # type: ignore[call-arg]  # because that is what must fail
    with pytest.raises(TypeError, match="unexpected keyword argument 'w'"):
        Point(1, w=1)  # type: ignore[call-arg]  # because that is what must fail


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_travel(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value
