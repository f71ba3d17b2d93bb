"""Configuration directories for tests: a good one, and small changes to it."""

from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.config.bundle import Config
from prefixd.config.problem import ConfigError, Problem

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "config"

MAIN = """\
pop: lab1
http:
  auth: {mode: none}
bgp:
  mode: mock
  local_asn: 64500
  router_id: 192.0.2.250
"""
INVENTORY = """\
customers:
  - customer_id: cust_a
    name: Customer A
    prefixes: ["198.51.100.0/24"]
"""
PLAYBOOKS = """\
playbooks:
  - name: udp
    match: {vector: udp_flood}
    steps:
      - {action: police, rate_bps: 20000000, ttl_seconds: 180}
"""


def make(directory: Path, **files: str) -> Path:
    """A directory with the three required files; keywords replace or add files by stem."""
    texts = {"prefixd": MAIN, "inventory": INVENTORY, "playbooks": PLAYBOOKS, **files}
    for stem, text in texts.items():
        (directory / f"{stem}.yaml").write_text(text)
    return directory


def load(directory: Path, **env: str) -> Config:
    return load_config(directory, env)


def problems(directory: Path, **env: str) -> tuple[Problem, ...]:
    """What is wrong with a directory that must not load."""
    try:
        load_config(directory, env)
    except ConfigError as error:
        return error.problems
    raise AssertionError("the configuration loaded")


def texts(directory: Path, **env: str) -> list[str]:
    return [str(problem) for problem in problems(directory, **env)]
