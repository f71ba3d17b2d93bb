"""The quick copy is the same as the slow one."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from prefixd.domain.derive import changed
from prefixd.domain.group import GroupState
from prefixd.domain.mitigation import Status
from tests.kit.builders import a_draft, a_group, a_mitigation, a_rule, a_signal, an_evidence

VALUES = [a_group(), a_mitigation(), an_evidence(), a_signal(), a_draft(), a_rule()]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_is_carried_over(value: object) -> None:
    copy = changed(value)
    assert copy == value
    assert copy is not value
    assert type(copy) is type(value)
    for field in fields(value):  # type: ignore[arg-type]  # because each value is a dataclass
        assert getattr(copy, field.name) is getattr(value, field.name)


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
    copy = changed(a_group())
    with pytest.raises(FrozenInstanceError):
        copy.version = 2  # type: ignore[misc]  # because that is what must fail
