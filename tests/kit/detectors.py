"""The pages of docs/detectors as tests see them: their configuration and their samples."""

import json
import re
from pathlib import Path

from prefixd.config.correlation_file import CORRELATION, CorrelationFile
from prefixd.config.reader import Reader
from prefixd.config.yaml_tree import parse_yaml
from prefixd.signals.json_value import JsonValue
from prefixd.signals.webhook import CompiledAdapter, compile_adapter

PAGES = Path(__file__).parents[2] / "docs" / "detectors"
_SECRETS = (
    "KENTIK_TOKEN", "ARBOR_TOKEN", "CLOUDFLARE_SECRET", "NTOPNG_SECRET", "WANGUARD_SECRET",
    "AKVORADO_SECRET", "BOX_B_SECRET", "DECOYS_AMS_SECRET",
)  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def samples(page: str) -> list[JsonValue]:
    return [json.loads(block) for block in blocks(page, "json")]


def configuration(page: str) -> CorrelationFile:
    """The page's excerpt of correlation.yaml, read the way the daemon reads it."""
    (block,) = blocks(page, "yaml")
    tree, problems = parse_yaml(block)
    assert not problems
    reader = Reader(dict.fromkeys(_SECRETS, "x" * 32), Path())
    read = CORRELATION.read(tree, reader)
    assert reader.problems == []
    assert isinstance(read, CorrelationFile)
    return read


def adapter(page: str) -> CompiledAdapter:
    (settings,) = configuration(page).signals.webhooks
    compiled = compile_adapter(settings)
    assert isinstance(compiled, CompiledAdapter), compiled
    return compiled
