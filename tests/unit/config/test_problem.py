"""Where in a file something is wrong."""

import pytest

from prefixd.config.problem import parse_path, path_text


@pytest.mark.parametrize("path", [("bgp", "neighbors", 0, "name"), ("customers", 12), ("pop",), ()])
def test_paths_go_round(path: tuple[str | int, ...]) -> None:
    assert parse_path(path_text(path)) == path
