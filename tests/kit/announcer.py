"""An announcer that only remembers: what would be on the wire, and how often it was told.

It fits the engine's port and nothing more. Tests compare `rules` with the store, which is what the
daemon promises of real routers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prefixd.domain.rule import Intent, NeighborPreview, Rule, RulePreview


@dataclass(frozen=True, slots=True)
class RecordedDrift:
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class RecordingAnnouncer:
    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.announced = 0
        self.withdrawn = 0
        self.replaced = 0
        self.revision = 0

    @property
    def rules(self) -> dict[str, Rule]:
        return {identity: intent.rule for identity, intent in self.intents.items()}

    def announce(self, intents: Iterable[Intent]) -> None:
        for intent in intents:
            self.intents[intent.mitigation_id] = intent
            self.announced += 1
            self.revision += 1

    def withdraw(self, mitigation_ids: Iterable[str]) -> None:
        for identity in mitigation_ids:
            if self.intents.pop(identity, None) is not None:
                self.withdrawn += 1
                self.revision += 1

    def replace(self, intents: Sequence[Intent]) -> RecordedDrift:
        self.replaced += 1
        wanted: dict[str, Intent] = {intent.mitigation_id: intent for intent in intents}
        drift = RecordedDrift(
            missing=tuple(key for key in wanted if key not in self.intents),
            surplus=tuple(key for key in self.intents if key not in wanted),
            changed=tuple(
                key
                for key, intent in wanted.items()
                if key in self.intents and self.intents[key].rule != intent.rule
            ),
        )
        self.intents = dict(wanted)
        self.revision += 1
        return drift

    def preview(self, rule: Rule) -> RulePreview:
        del rule
        return RulePreview(neighbors=(NeighborPreview(neighbor="recorded"),))
