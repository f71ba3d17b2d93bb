"""Domain news to feed messages: the words older clients know first, ours beside them.

News that is only for logs, metrics or audit has no message; the match names it, so that new news is
a decision and not an oversight.
"""

from typing import assert_never

import msgspec

from prefixd.api import render
from prefixd.api.render import format_time
from prefixd.domain import news
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News

Message = dict[str, object]


def feed_message(item: News) -> Message | None:  # noqa: C901  a table of words
    match item:
        case news.MitigationActivated(mitigation=value):
            return _whole("mitigation_created", value)
        case (
            news.MitigationExtended(mitigation=value)
            | news.MitigationEscalated(mitigation=value)
            | news.MitigationRevised(mitigation=value)
            | news.MitigationAcknowledged(mitigation=value)
        ):
            return _whole("mitigation_updated", value)
        case news.MitigationWithdrawn(mitigation=value):
            return {**_whole("mitigation_withdrawn", value), "mitigation_id": value.mitigation_id}
        case news.MitigationExpired(mitigation=value):
            return {**_whole("mitigation_expired", value), "mitigation_id": value.mitigation_id}
        case news.MitigationInexpressible(mitigation=value, text=text):
            return {**_whole("mitigation_rejected", value), "text": text}
        case news.SignalReceived():
            return _event(item)
        case news.GroupOpened(group=group):
            return {"type": "group_updated", "group": _built(render.group(group))}
        case news.AgreementReached(group=group, text=text):
            return {"type": "group_updated", "group": _built(render.group(group)), "text": text}
        case news.GroupHeld(group=group, text=text):
            return {"type": "group_held", "group": _built(render.group(group)), "text": text}
        case news.GroupClosed(group=group):
            return {"type": "group_closed", "group": _built(render.group(group))}
        case news.GuardrailRefused(victim=victim, codes=codes, text=text):
            return {
                "type": "guardrail_refused",
                "victim_ip": victim.victim_text(),
                "codes": list(codes),
                "text": text,
            }
        case news.PeerUp(peer=peer):
            return {"type": "peer_up", "peer": peer}
        case news.PeerDown(peer=peer, reason=reason):
            return {"type": "peer_down", "peer": peer, "reason": reason}
        case news.DriftRepaired(missing=missing, surplus=surplus, changed=changed):
            return {
                "type": "drift_repaired",
                "missing": missing,
                "surplus": surplus,
                "changed": changed,
            }
        case news.SafelistAdded(entry=entry):
            return {"type": "safelist_added", "prefix": str(entry.prefix)}
        case news.SafelistRemoved(entry=entry):
            return {"type": "safelist_removed", "prefix": str(entry.prefix)}
        case news.ConfigReloaded(version=version, changes=changes):
            return {"type": "config_reloaded", "version": version, "changes": list(changes)}
        case news.StoreLost(text=text):
            return {"type": "store_lost", "text": text}
        case news.StoreRestored():
            return {"type": "store_restored"}
        case news.SourceSilent(source=source, last_seen_us=seen_us):
            last = None if seen_us is None else format_time(seen_us)
            return {"type": "source_silent", "source": source, "last_seen": last}
        case news.SourceRecovered(source=source):
            return {"type": "source_recovered", "source": source}
        case news.SystemStopping():
            return {"type": "system_stopping"}
        case (
            news.CorroboratorReceived()
            | news.QuotaNear()
            | news.ConfigRefused()
            | news.OperatorChanged()
            | news.LoginFailed()
            | news.ClockJumped()
            | news.SystemStarted()
        ):
            return None
        case _:
            assert_never(item)


def _whole(word: str, value: Mitigation) -> Message:
    return {"type": word, "mitigation": _built(render.mitigation(value))}


def _event(item: news.SignalReceived) -> Message:
    signal = item.signal
    return {
        "type": "event_ingested",
        "event": {
            "source": signal.source,
            "external_event_id": render.external_id(signal.external_id),
            "victim_ip": signal.victim.victim_text(),
            "vector": signal.vector,
            "outcome": item.outcome,
            "mitigation_id": item.mitigation_id,
        },
    }


def _built(value: msgspec.Struct) -> object:
    return msgspec.to_builtins(value)
