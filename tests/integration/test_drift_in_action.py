"""The reconciler compares whole rules: one with the right match and the wrong action is drift."""

import pytest
from msgspec.structs import replace

from prefixd.domain.rule import Action, Discard, Police
from tests.integration.test_truth import one_step
from tests.kit.engine import ALICE, an_engine


@pytest.mark.parametrize("wrong", [Discard(), Police(1_000_000), Police(10_000_001)])
async def test_w18_a_rule_with_another_action_or_rate_is_found_and_put_right(wrong: Action) -> None:
    async with an_engine(one_step()) as house:
        await house.report()
        ((key, intent),) = house.announcer.intents.items()
        right = intent.rule.action
        assert right != wrong
        house.announcer.intents[key] = replace(intent, rule=replace(intent.rule, action=wrong))
        answer = await house.engine.reconcile(ALICE)
        assert (answer.missing, answer.surplus, answer.changed) == (0, 0, 1)
        assert house.announcer.intents[key].rule.action == right
        await house.assert_wire_is_store()
