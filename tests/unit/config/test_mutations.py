"""Whatever a file says, the answer is a configuration or a list of placed problems."""

import copy
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefixd.config.assemble import load_config
from prefixd.config.bundle import FILE_NAMES, Config
from prefixd.config.load import Document, document_from_tree, load_file
from prefixd.config.problem import ConfigError
from prefixd.config.yaml_tree import Tree
from tests.unit.config.directories import GOLDEN, ROOT

ENV = {"FLOW_TOKEN": "f" * 20, "BOX_B_SECRET": "b" * 20}
NEIGHBOR: Tree = {
    "name": "edge1",
    "address": "192.0.2.1",
    "peer_asn": 64500,
    "profile": "junos",
    "timers": {"hold_time_seconds": 30},
    "restart": {"policy": "bridge"},
    "export": {"communities": ["64500:1"]},
    "tcp_ao": [{"send_id": 1, "receive_id": 1, "key": "k"}],
}


def documents() -> dict[str, Document]:
    found = {}
    for directory in (ROOT / "configs", GOLDEN / "earlier_daemon"):
        for name in FILE_NAMES:
            loaded = load_file(directory / name)
            assert isinstance(loaded, Document)
            found[name] = loaded
    main = found["prefixd.yaml"].tree
    assert isinstance(main, dict)
    assert isinstance(main["bgp"], dict)
    bgp: dict[str, Tree] = {**main["bgp"], "neighbors": [NEIGHBOR], "mode": "speaker"}
    found["prefixd.yaml"] = document_from_tree("prefixd.yaml", {**main, "bgp": bgp}, "x")
    return found


DOCUMENTS = documents()
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.floats(allow_nan=False, width=16),
    st.sampled_from(
        ["", "x", "192.0.2.1", "2001:db8::/32", "-1", "***", "${X", "${UNSET}", "é\x00"]
    ),
    st.sampled_from([[], {}, [None], [[]], {"name": None}, ["x", "x"], {"a": {"b": []}}]),
)


def places(tree: Tree, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += places(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found += places(value, (*path, index))
    return found


PLACES = [(name, path) for name, found in DOCUMENTS.items() for path in places(found.tree)]


def changed(tree: Tree, path: tuple[str | int, ...], value: Tree, *, drop: bool) -> Tree:
    if not path:
        return value
    copied = copy.deepcopy(tree)
    inner: object = copied
    for step in path[:-1]:
        assert isinstance(inner, dict | list)
        inner = inner[step]  # type: ignore[index]  # the path was taken from this tree
    assert isinstance(inner, dict | list)
    if drop:
        del inner[path[-1]]  # type: ignore[arg-type]  # the path was taken from this tree
    else:
        inner[path[-1]] = value  # type: ignore[index,call-overload]  # the path was taken from this tree
    return copied


def outcome(name: str, tree: Tree) -> Config | ConfigError:
    replaced = {**DOCUMENTS, name: document_from_tree(name, tree, "x")}
    try:
        return load_config(Path("/nonexistent"), ENV, documents=replaced)
    except ConfigError as error:
        return error


def test_the_unchanged_documents_load() -> None:
    assert isinstance(outcome("prefixd.yaml", DOCUMENTS["prefixd.yaml"].tree), Config)


def test_every_single_key_may_be_missing() -> None:
    for name, path in PLACES:
        if path:
            outcome(name, changed(DOCUMENTS[name].tree, path, None, drop=True))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), junk)
def test_any_value_anywhere_is_taken_or_complained_about(
    place: tuple[str, tuple[str | int, ...]], value: Tree
) -> None:
    name, path = place
    found = outcome(name, changed(DOCUMENTS[name].tree, path, value, drop=False))
    if isinstance(found, ConfigError):
        assert all(problem.message for problem in found.problems)
        assert str(found)
