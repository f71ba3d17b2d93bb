"""Loading a large inventory: 10,000 customers with services, assets and ports.

The target is two seconds for the whole directory, from bytes to settings, on one core.
"""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from prefixd.config.assemble import load_config
from prefixd.config.yaml_tree import parse_yaml

CUSTOMERS = 10_000
SAMPLE = Path(__file__).resolve().parent.parent / "configs"


def inventory(customers: int) -> str:
    lines = ["customers:"]
    for number in range(customers):
        high, low = divmod(number, 256)
        lines += [
            f"  - customer_id: cust_{number}",
            f"    name: Customer number {number}",
            f'    prefixes: ["10.{high}.{low}.0/24", "2001:db8:{number:x}::/48"]',
            "    policy_profile: normal",
            "    services:",
            f"      - service_id: svc_{number}",
            "        name: Web",
            "        assets:",
            f"          - {{ip: 10.{high}.{low}.10, role: web}}",
            f"          - {{ip: 10.{high}.{low}.11, role: web}}",
            "        allowed_ports: {udp: [53], tcp: [80, 443]}",
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("config")
    for path in SAMPLE.glob("*.yaml"):
        (made / path.name).write_text(path.read_text())
    (made / "inventory.yaml").write_text(inventory(CUSTOMERS))
    return made


def test_load_ten_thousand_customers(benchmark: BenchmarkFixture, directory: Path) -> None:
    config = benchmark.pedantic(load_config, (directory, {}), rounds=3)
    assert len(config.inventory.customers) == CUSTOMERS


def test_parse_the_text_alone(benchmark: BenchmarkFixture, directory: Path) -> None:
    text = (directory / "inventory.yaml").read_text()
    tree, _ = benchmark.pedantic(parse_yaml, (text,), rounds=3)
    assert isinstance(tree, dict)


def test_load_the_sample(benchmark: BenchmarkFixture) -> None:
    config = benchmark.pedantic(load_config, (SAMPLE, {}), rounds=20)
    assert config.warnings == ()
