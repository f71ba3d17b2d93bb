"""A change touches what it changes: comments, order and spelling of the rest stay byte for byte."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.config.assemble import load_config
from prefixd.config.bundle import ALERTING_NAME, CORRELATION_NAME, FILE_NAMES, PLAYBOOKS_NAME
from prefixd.config.redact import alerting_view, correlation_view, playbooks_view
from prefixd.config.round_trip import emitted, rewritten
from prefixd.config.update import plan_update, save
from prefixd.config.yaml_tree import Tree, parse_yaml
from tests.unit.config.directories import GOLDEN, ROOT, make

PLAYBOOKS = """\
# Agreed with the NOC on 2026-03-01.
---
playbooks:   # the first that matches decides

    # Amplification: always safe to police.
    - name: "udp"            # quoted, on purpose
      match: {vector: udp_flood}
      steps:
        - {action: police, rate_bps: 20000000, ttl_seconds: 180}   # 20 Mbit/s


    # Everything else waits for a person.
    - name: 'syn'
      match: {vector: syn_flood, min_pps: 1000}
      require_approval: true
      steps: [{action: discard, ttl_seconds: 120}]

# end of file
"""
CORRELATION = """\
correlation:
  enabled: true     # since the second detector
  # seconds
  window_seconds: 300
  sources:
    a: {weight: 0.5}   # new
"""
ALERTING = """\
# Chat first.
destinations:
  - id: noc
    type: slack
    webhook_url: ${URL}   # from the vault
    min_severity: warning
  # Then the pager.
  - id: pager
    type: pagerduty
    routing_key: hidden-key
events: []
"""
SAMPLES = [ROOT / "configs", GOLDEN / "full", GOLDEN / "earlier_daemon"]
ENV = {"URL": "https://hooks.slack.com/services/T/B/third"}


def change(directory: Path, name: str, path: tuple[str | int, ...], value: Tree) -> str:
    """What stands in the file after one key was changed as the API does it."""
    config = load_config(directory, ENV)
    views = {
        PLAYBOOKS_NAME: playbooks_view,
        CORRELATION_NAME: correlation_view,
        ALERTING_NAME: alerting_view,
    }
    body = copy.deepcopy(views[name](config))
    inner: object = body
    for step in path[:-1]:
        assert isinstance(inner, dict | list)
        inner = inner[step]  # type: ignore[index]  # the path leads through this tree
    assert isinstance(inner, dict)
    inner[path[-1]] = value
    save(plan_update(config, name, body, ENV))
    return (directory / name).read_text()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    playbooks = (
        PLAYBOOKS.replace("1_000", "1000").replace("{ vector", "{vector").replace("0 }", "0}")
    )
    return make(tmp_path, playbooks=playbooks, correlation=CORRELATION, alerting=ALERTING)


@pytest.mark.parametrize(
    ("name", "path", "value", "before", "after"),
    [
        (PLAYBOOKS_NAME, ("playbooks", 0, "steps", 0, "rate_bps"), 30000, "20000000", "30000"),
        (PLAYBOOKS_NAME, ("playbooks", 1, "require_approval"), False, "true", "false"),
        (PLAYBOOKS_NAME, ("playbooks", 0, "name"), "dns", '"udp"', '"dns"'),
        (CORRELATION_NAME, ("window_seconds",), 60, "300", "60"),
        (CORRELATION_NAME, ("sources", "a", "weight"), 0.7, "0.5", "0.7"),
        (ALERTING_NAME, ("destinations", 0, "min_severity"), "info", "warning", "info"),
    ],
)  # fmt: skip
def test_one_key_changes_and_every_other_byte_stays(
    directory: Path,
    name: str,
    path: tuple[str | int, ...],
    value: Tree,
    before: str,
    after: str,
) -> None:
    text = (directory / name).read_text()
    assert text.count(before) == 1
    assert change(directory, name, path, value) == text.replace(before, after)


@pytest.mark.parametrize(
    "word", ["2026-01-02 10:00:00", "1_000", "0x1F", "1:30", "1e3", ".5", "010", "~", "yes", "'1'"]
)
def test_a_value_that_yaml_may_read_otherwise_is_left_alone(word: str) -> None:
    text = f"a: {word}  # kept\nb: 1\n"
    tree = parse_yaml(text)[0]
    assert isinstance(tree, dict)
    assert rewritten(text, {**tree, "b": 2}) == text.replace("b: 1", "b: 2")


def test_a_second_change_keeps_the_comments_as_well(directory: Path) -> None:
    change(directory, CORRELATION_NAME, ("window_seconds",), 60)
    text = change(directory, CORRELATION_NAME, ("window_seconds",), 300)
    assert text == CORRELATION


def test_entries_go_by_their_name() -> None:
    tree = parse_yaml(ALERTING)[0]
    assert isinstance(tree, dict)
    noc, pager = tree["destinations"]  # type: ignore[misc]  # the text above has two
    text = rewritten(ALERTING, {**tree, "destinations": [pager, noc]})
    assert text.index("id: pager") < text.index("id: noc")
    assert "# from the vault" in text
    text = rewritten(ALERTING, {**tree, "destinations": [noc]})
    assert text.startswith("# Chat first.")
    assert "# from the vault" in text
    assert "pager\n" not in text


def test_a_new_entry_and_a_new_key_leave_the_comments_in_place() -> None:
    tree = parse_yaml(CORRELATION)[0]
    assert isinstance(tree, dict)
    assert isinstance(tree["correlation"], dict)
    wanted: Tree = {"correlation": {**tree["correlation"], "min_sources": 2, "combine": "noisy_or"}}
    text = rewritten(CORRELATION, wanted)
    assert set(CORRELATION.splitlines()) <= set(text.splitlines())
    assert "  min_sources: 2" in text.splitlines()


@pytest.mark.parametrize(
    "directory", [ROOT / "configs", GOLDEN / "full", GOLDEN / "earlier_daemon"]
)
@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_without_a_change_stays_as_it_is(directory: Path, name: str) -> None:
    text = (directory / name).read_text()
    assert rewritten(text, parse_yaml(text)[0]) == text


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\n",
        "? a\n: 1\n",
        "- - a\n",
        "text\n",
        "",
        "0x10: 1\n",
        "a: 2026-13-45\n",
    ],
)
def test_whatever_the_file_was_the_tree_is_what_is_written(text: str) -> None:
    tree: Tree = {"a": {"b": 2}, "c": {"b": 1}, "d": ["yes", "0x10", "", None, 1.5, "5"]}
    assert parse_yaml(rewritten(text, tree))[0] == tree


trees: st.SearchStrategy[Tree] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text("abe .$é:#-'\"01", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcdefg", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text("abcdefg", min_size=1, max_size=4), trees, min_size=1, max_size=3))
def test_a_new_file_reads_back_as_it_was(tree: dict[str, Tree]) -> None:
    assert parse_yaml(emitted(tree))[0] == tree


maps = st.dictionaries(st.sampled_from("abcd"), trees, min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(maps, maps)
def test_a_changed_file_reads_back_as_the_change(
    old: dict[str, Tree], new: dict[str, Tree]
) -> None:
    assert parse_yaml(rewritten(emitted(old), new))[0] == new
