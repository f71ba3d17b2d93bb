"""The generic webhook: any sender's JSON, mapped by configuration.

`root_path` selects the elements, `when` sorts out those that are not attacks at all, `fields` says
where each value is. Each element becomes a signal, a problem naming the field, or is ignored; a bad
element does not affect the others. The order of work on a value is: select, extract or compute,
convert, map, scale, clamp.
"""

from collections.abc import Mapping
from typing import Final, assert_never

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Ignored, SignalKind
from prefixd.domain.vector import Vector, parse_vector
from prefixd.signals.coerce import confidence, number, ports, rate_bps, rate_pps, time_us
from prefixd.signals.json_value import JsonValue, elements, scalar_text
from prefixd.signals.jsonpath import BudgetSpent, NodeBudget
from prefixd.signals.reading import Read, Reading, Report, element_path, make_signal, victim_of
from prefixd.signals.settings import VectorMatch
from prefixd.signals.webhook_compile import CompiledAdapter, compile_adapter

ADAPTER: Final = "webhook"
_KINDS: Final = {"ban": SignalKind.FIRING, "unban": SignalKind.CLEARED}

__all__ = ["CompiledAdapter", "compile_adapter", "read_webhook"]


def read_webhook(
    payload: JsonValue, adapter: CompiledAdapter, reading: Reading
) -> list[Read] | Problem:
    """One result per selected element; a `Problem` when the body as a whole cannot be read."""
    try:
        selected = [payload] if adapter.root is None else adapter.root.select(payload, NodeBudget())
    except BudgetSpent:
        return Problem("root_path", "visits too many nodes of this body", "too_large")
    if len(selected) == 1 and not isinstance(selected[0], Mapping):
        # A root that is, or selects, an array means its elements; a scalar holds none.
        selected = list(elements(selected[0]))
    if not selected and adapter.settings.always_200:
        return [Ignored("root_path selects nothing in this body")]  # a vendor's test button
    if not selected:
        return Problem("root_path", "selects nothing in this body", "no_elements")
    if len(selected) > adapter.settings.max_events:
        return Problem(
            "root_path", f"selects more than {adapter.settings.max_events} elements", "too_large"
        )
    return [_read(element, adapter, reading, index) for index, element in enumerate(selected)]


def _read(element: JsonValue, adapter: CompiledAdapter, reading: Reading, index: int) -> Read:
    budget = NodeBudget()
    try:
        if not all(condition.holds(element, budget) for condition in adapter.when):
            return Ignored("a condition of the adapter does not hold", index)
        read = _signal(element, adapter, reading, budget)
    except BudgetSpent:
        read = Problem("fields", "visit too many nodes of this element", "too_large")
    return element_path("elements", index, read) if isinstance(read, Problem) else read


def _signal(
    element: JsonValue, adapter: CompiledAdapter, reading: Reading, budget: NodeBudget
) -> Read:
    settings = adapter.settings
    values = {name: field.read(element, budget) for name, field in adapter.fields.items()}
    victim = victim_of(
        scalar_text(values.get("victim_ip")) or "" if values.get("victim_ip") is not None else "",
        field_name="victim_ip",
        allow_prefixes=settings.allow_prefixes,
    )
    if isinstance(victim, Problem):
        return victim
    kind = _kind(values.get("action"), settings.action_map)
    if isinstance(kind, Problem):
        return kind
    at_us = time_us(values.get("timestamp"))
    if at_us is None and values.get("timestamp") is not None:
        return Problem("timestamp", "invalid time", "bad_time")
    identity = values.get("source_id")
    identity_text = "" if identity is None else scalar_text(identity) or ""
    believed, origin = _confidence(values.get("confidence"), adapter, reading, kind)
    outgoing = (scalar_text(values.get("direction")) or "").casefold() in ("outgoing", "outbound")
    return make_signal(
        Report(
            source=settings.name,
            adapter=ADAPTER,
            kind=kind,
            victim=victim,
            vector=_vector(values.get("vector"), adapter),
            external_id=f"{settings.source_id_prefix}{identity_text}" if identity_text else "",
            observed_at_us=None if settings.timestamp_is_start else at_us,
            started_at_us=at_us if settings.timestamp_is_start else None,
            direction=Direction.OUTGOING if outgoing else Direction.INCOMING,
            confidence=believed,
            confidence_origin=origin,
            bps=_rate("bps", values.get("bps"), element, adapter, budget),
            pps=_rate("pps", values.get("pps"), element, adapter, budget),
            dst_ports=ports(values.get("top_dst_ports")),
            src_ports=ports(values.get("src_ports")),
            element=element,
        ),
        reading,
    )


def _kind(value: JsonValue, action_map: Mapping[str, str]) -> SignalKind | Problem:
    if value is None:
        return SignalKind.FIRING
    word = scalar_text(value) or ""
    kind = _KINDS.get(action_map.get(word, word))
    if kind is None:
        return Problem("action", "must be ban or unban, or a word of action_map", "bad_action")
    return kind


def _vector(value: JsonValue, adapter: CompiledAdapter) -> Vector:
    word = None if value is None else scalar_text(value)
    if word is None:
        return adapter.default_vector
    if adapter.transforms.extract is not None:
        pattern, group = adapter.transforms.extract
        found = pattern.search(word)
        word = (found[group] or "") if found is not None else ""
    return _mapped_vector(word, adapter) or parse_vector(word) or adapter.default_vector


def _mapped_vector(word: str, adapter: CompiledAdapter) -> Vector | None:
    """Of several entries contained in the word, the longest: `TCP SYN` before `TCP`."""
    match adapter.settings.vector_match:
        case VectorMatch.EXACT:
            hits = [(text, vector) for text, vector in adapter.vectors if text == word]
        case VectorMatch.CASEFOLD:
            folded = word.casefold()
            hits = [(text, v) for text, v in adapter.vectors if text.casefold() == folded]
        case VectorMatch.CASEFOLD_SUBSTRING:
            folded = word.casefold()
            hits = [(text, v) for text, v in adapter.vectors if text.casefold() in folded]
        case VectorMatch.REGEX:
            return next(
                (v for pattern, v in adapter.vector_patterns if pattern.search(word) is not None),
                None,
            )
        case _:
            assert_never(adapter.settings.vector_match)
    return max(hits, key=lambda hit: len(hit[0]))[1] if hits else None


def _confidence(
    value: JsonValue, adapter: CompiledAdapter, reading: Reading, kind: SignalKind
) -> tuple[float | None, str]:
    word = None if value is None else scalar_text(value)
    if word is not None and word in adapter.settings.confidence_map:
        return adapter.settings.confidence_map[word], f"mapping:{word}"
    multiplier = adapter.transforms.multipliers.get("confidence", 1.0)
    given = confidence(value, adapter.settings.confidence_scale / multiplier)
    if given is not None:
        return given, "given"
    action = "ban" if kind is SignalKind.FIRING else "unban"
    mapped = reading.confidence_mapping.get(action)
    return mapped, "none" if mapped is None else f"mapping:{action}"


def _rate(
    name: str, value: JsonValue, element: JsonValue, adapter: CompiledAdapter, budget: NodeBudget
) -> JsonValue:
    computed = adapter.transforms.computed.get(name)
    if computed is not None:
        paths, factor = computed
        for path in paths:
            found = path.select(element, budget)
            figure = number(found[0]) if len(found) == 1 else None
            if figure is None:
                return None
            factor *= figure
        value = factor
    multiplier = adapter.transforms.multipliers.get(name)
    if multiplier is None or value is None:
        return value
    figure = number(value)
    if figure is None:  # text with a unit of its own
        read = rate_bps(value) if name == "bps" else rate_pps(value)
        return value if read is None else read
    return figure * multiplier
