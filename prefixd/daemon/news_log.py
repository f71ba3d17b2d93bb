"""News as log lines: what an operator who reads the journal during an attack needs to see.

One line for each change of a rule or of the service itself. Signals and changes of groups are for
the feed and the metrics. What other parts log themselves (a rule that no
router can carry, the database) is not repeated here.
"""

import logging

from prefixd.domain import news
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.rule import format_action, format_match

log = logging.getLogger(__name__)


def log_news(item: News) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    match item:
        case news.MitigationActivated(mitigation=value, text=text):
            log.info("mitigation created", extra={**_fields(value), "why": text})
        case news.MitigationEscalated(mitigation=value, old_rule=old):
            log.warning(
                "mitigation escalated", extra={**_fields(value), "was": format_action(old.action)}
            )
        case news.MitigationRevised(mitigation=value, old_rule=old):
            log.info("mitigation changed", extra={**_fields(value), "was": format_match(old.match)})
        case news.MitigationWithdrawn(mitigation=value, text=text, actor=actor):
            log.info(
                "mitigation withdrawn", extra={**_fields(value), "by": actor.name, "why": text}
            )
        case news.MitigationExpired(mitigation=value):
            log.info("mitigation expired", extra=_fields(value))
        case news.GuardrailRefused(victim=victim, codes=codes, text=text):
            log.warning(
                "rule refused by guardrail",
                extra={"victim": victim.victim_text(), "codes": list(codes), "why": text},
            )
        case news.SafelistAdded(entry=entry, actor=actor):
            log.info("safelist entry added", extra={"prefix": str(entry.prefix), "by": actor.name})
        case news.SafelistRemoved(entry=entry, actor=actor):
            log.info(
                "safelist entry removed", extra={"prefix": str(entry.prefix), "by": actor.name}
            )
        case news.SourceSilent(source=source):
            log.warning("source silent", extra={"source": source})
        case news.SourceRecovered(source=source):
            log.info("source active again", extra={"source": source})
        case _:
            return


def _fields(value: Mitigation) -> dict[str, object]:
    """What does not apply is left out: most rules have a customer, and few are a dry run."""
    found: dict[str, object] = {
        "mitigation_id": value.mitigation_id,
        "rule": format_match(value.rule.match),
        "action": format_action(value.rule.action),
    }
    if value.customer_id is not None:
        found["customer"] = value.customer_id
    if value.dry_run:
        found["dry_run"] = True
    return found
