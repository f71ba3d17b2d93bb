"""Every mistake in a webhook adapter is found when configuration is loaded."""

from dataclasses import replace

import pytest

from prefixd.signals.settings import (
    AuthType,
    Computed,
    Condition,
    FieldSource,
    RegexExtract,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
    WebhookAuth,
)
from prefixd.signals.webhook import CompiledAdapter, compile_adapter

AUTH = WebhookAuth(type=AuthType.HMAC, secret_refs=("env:X",))


def path(*texts, **changes):
    return FieldSource(paths=texts, **changes)


def settings(**changes):
    fields = {"victim_ip": path("$.ip"), **changes.pop("fields", {})}
    return WebhookAdapterSettings(name="box", auth=AUTH, fields=fields, **changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fields": {"victim_ip": path("$.a[")}}, "fields.victim_ip"),
        ({"fields": {"colour": path("$.a")}}, "fields.colour"),
        ({"fields": {"bps": FieldSource()}}, "fields.bps"),
        ({"fields": {"bps": FieldSource(paths=("$.a",), const=1)}}, "fields.bps"),
        ({"root_path": "items"}, "root_path"),
        ({"when": (Condition(path="$.["),)}, "when[0].path"),
        ({"when": (Condition(path="$.a"),)}, "when[0]"),
        ({"when": (Condition(path="$.a", equals="x", exists=True),)}, "when[0]"),
        ({"vector_map": {"UDP": "laser"}}, "vector_map.UDP"),
        ({"default_vector": "laser"}, "default_vector"),
        ({"vector_map": {"(": "udp_flood"}, "vector_match": VectorMatch.REGEX}, "vector_map.("),
        ({"action_map": {"x": "explode"}}, "action_map.x"),
        ({"confidence_map": {"x": 1.5}}, "confidence_map.x"),
        ({"confidence_scale": 0.0}, "confidence_scale"),
        ({"confidence_scale": float("nan")}, "confidence_scale"),
        ({"transforms": {"vector": UnitConversion(multiplier=2)}}, "transforms.vector"),
        ({"transforms": {"bps": UnitConversion(multiplier=0)}}, "transforms.bps.multiplier"),
        ({"transforms": {"bps": RegexExtract(pattern="a")}}, "transforms.bps"),
        ({"transforms": {"vector": RegexExtract(pattern="(a)\\1")}}, "transforms.vector.pattern"),
        ({"transforms": {"vector": RegexExtract(pattern="a", group=1)}}, "transforms.vector.group"),
        ({"transforms": {"bps": Computed(paths=("$.[",))}}, "transforms.bps.paths[0]"),
        ({"transforms": {"confidence": Computed(paths=("$.a",))}}, "transforms.confidence"),
        ({"max_events": 501}, "limits.max_events"),
        ({"allow_from": ("here",)}, "allow_from[0]"),
    ],
)
def test_every_mistake_is_found_at_load_and_named(changes, field):
    made = compile_adapter(settings(**changes))
    assert not isinstance(made, CompiledAdapter)
    assert field in [problem.field for problem in made]


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        (WebhookAuth(type=AuthType.HMAC), "auth.secret_env"),
        (WebhookAuth(type=AuthType.HMAC, secret_refs=("a", "b", "c")), "auth.secrets"),
        (WebhookAuth(type=AuthType.HMAC, secret_refs=("a",), header=" "), "auth.header"),
        (WebhookAuth(type=AuthType.BODY_SECRET, secret_refs=("a",)), "auth.body_path"),
        (
            WebhookAuth(type=AuthType.BODY_SECRET, secret_refs=("a",), body_path="$.["),
            "auth.body_path",
        ),
        (WebhookAuth(type=AuthType.BASIC, secret_refs=("a",)), "auth.user"),
        (WebhookAuth(type=AuthType.MTLS), "auth.subjects"),
        (WebhookAuth(type=AuthType.NONE), "auth.type"),
    ],
)  # fmt: skip
def test_each_authentication_method_names_what_it_requires(auth, field):
    made = compile_adapter(replace(settings(), auth=auth))
    assert not isinstance(made, CompiledAdapter)
    assert field in [problem.field for problem in made]


def test_the_victim_is_required_and_names_are_checked():
    made = compile_adapter(WebhookAdapterSettings(name="Bad Name", auth=AUTH))
    assert not isinstance(made, CompiledAdapter)
    assert {"name", "fields.victim_ip"} <= {problem.field for problem in made}
