"""The sections of prefixd.yaml, each as far as it could be read.

One bad section must not hide what the others say to each other, so checks look at these instead
of at the finished file: None stands for a section that is beyond use.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prefixd.bgp.settings import SpeakerSettings
from prefixd.config.correlation_file import CorrelationFile
from prefixd.config.derive import limits_of, policy_of
from prefixd.config.http_section import Http
from prefixd.config.main_file import Safelist
from prefixd.config.schema import Fields
from prefixd.engine.settings import Mode
from prefixd.guardrails.limits import Limits
from prefixd.notify.settings import AlertSettings
from prefixd.policy.playbook import Playbook, PolicySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    mode: Mode | None = None
    http: Http | None = None
    bgp: SpeakerSettings | None = None
    guardrails: Fields | None = None
    quotas: Fields | None = None
    timers: Fields | None = None
    escalation: Fields | None = None
    safelist: Safelist | None = None
    correlation: CorrelationFile | None = None
    alerting: AlertSettings | None = None

    @classmethod
    def of(cls, usable: Mapping[str, object]) -> "Sections":
        def section(name: str) -> Fields | None:
            found = usable.get(name)
            return found if isinstance(found, dict) else None

        mode, http, bgp = usable.get("mode"), usable.get("http"), usable.get("bgp")
        correlation, alerting = usable.get("correlation"), usable.get("alerting")
        safelist = usable.get("safelist")
        return cls(
            mode=mode if isinstance(mode, Mode) else None,
            http=http if isinstance(http, Http) else None,
            bgp=bgp if isinstance(bgp, SpeakerSettings) else None,
            guardrails=section("guardrails"),
            quotas=section("quotas"),
            timers=section("timers"),
            escalation=section("escalation"),
            safelist=safelist if isinstance(safelist, Safelist) else None,
            correlation=correlation if isinstance(correlation, CorrelationFile) else None,
            alerting=alerting if isinstance(alerting, AlertSettings) else None,
        )

    def limits(self) -> Limits | None:
        if self.timers is None or self.guardrails is None or self.quotas is None:
            return None
        return limits_of(self.timers, self.guardrails, self.quotas, self.bgp)

    def policy(self, playbooks: tuple[Playbook, ...]) -> PolicySettings | None:
        if self.timers is None or self.escalation is None:
            return None
        return policy_of(self.timers, self.escalation, playbooks)
