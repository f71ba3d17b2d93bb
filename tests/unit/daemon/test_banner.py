"""The address that the daemon reports, and the example that a terminal shows."""

from dataclasses import replace
from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.config.bundle import Config
from prefixd.config.sample import write_sample
from prefixd.daemon.banner import base_url, example_victim, greeting, summary
from prefixd.domain.inventory import Inventory


def sample(tmp_path: Path) -> Config:
    write_sample(tmp_path)
    return load_config(tmp_path, {})


def test_an_ipv6_address_is_bracketed(tmp_path: Path) -> None:
    config = sample(tmp_path)
    listen = replace(config.api.listen, host="::1")
    config = replace(config, api=replace(config.api, listen=listen))
    assert base_url(config, 8080) == "http://[::1]:8080"


def test_the_summary_is_one_line_with_the_address(tmp_path: Path) -> None:
    text = summary(sample(tmp_path), "http://127.0.0.1:8080")
    assert text.startswith("prefixd listens on http://127.0.0.1:8080 (")
    assert "\n" not in text


def test_the_example_names_an_address_that_is_owned_and_not_protected(tmp_path: Path) -> None:
    config = sample(tmp_path)
    victim = example_victim(config)
    assert victim is not None
    assert f'"victim_ip": "{victim}"' in greeting(config, "http://127.0.0.1:8080")
    assert not any(entry.prefix.contains(victim) for entry in config.safelist.infrastructure)


def test_without_customers_there_is_no_example(tmp_path: Path) -> None:
    config = sample(tmp_path)
    inventory = Inventory((), {})
    assert "curl" not in greeting(replace(config, inventory=inventory), "http://127.0.0.1:8080")
