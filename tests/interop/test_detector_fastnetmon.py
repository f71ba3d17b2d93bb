"""FastNetMon Community from the distribution sees a flood and calls our notify script.

The flood is a few thousand small packets a second for a few seconds, from one network namespace
into another; nothing of it leaves them. The rule is asked for on the router.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.daemon_process import ROOT
from tests.kit.netns import cable, namespace
from tests.kit.require import binary
from tests.kit.stage import TOKEN, Stage, on_stage, running

VICTIM = "198.51.100.24"
SCRIPT = ROOT / "packaging" / "fastnetmon" / "prefixd_notify.sh"
LIMIT_S = 30.0
FLOOD_S = 12

FLOOD = f"""
import socket, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + {FLOOD_S}
while time.monotonic() < end:
    for _ in range(30):
        out.sendto(b"x" * 64, ({VICTIM!r}, 5353))
    time.sleep(0.01)
"""

CONF = """
logging_level = info
disable_usage_report = on
enable_ban = on
process_incoming_traffic = on
process_outgoing_traffic = on
networks_list_path = {directory}/networks
white_list_path = {directory}/white
check_period = 1
ban_details_records_count = 20
ban_time = 60
ban_for_pps = on
threshold_pps = 300
ban_for_bandwidth = off
ban_for_flows = off
enable_connection_tracking = off
mirror_afpacket = on
interfaces = flood0
average_calculation_time = 1
speed_calculation_delay = 1
monitor_local_ip_addresses = off
notify_script_path = {script}
enable_api = off
pid_path = {directory}/fastnetmon.pid
cli_stats_file_path = {directory}/fastnetmon.dat
cli_stats_ipv6_file_path = {directory}/fastnetmon6.dat
"""


def notify_settings(stage: Stage, directory: Path) -> dict[str, str]:
    (directory / "token").write_text(TOKEN)
    settings = directory / "notify.conf"
    settings.write_text(f"PREFIXD_URL={stage.url}\nPREFIXD_TOKEN_FILE={directory / 'token'}\n")
    return {"PREFIXD_NOTIFY_CONF": str(settings), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@contextmanager
def fastnetmon(directory: Path, environment: dict[str, str]) -> Iterator[None]:
    (directory / "networks").write_text("198.51.100.0/24\n")
    (directory / "white").write_text("")
    conf = directory / "fastnetmon.conf"
    conf.write_text(CONF.format(directory=directory, script=SCRIPT))
    command = [
        binary("fastnetmon"), "--configuration_file", str(conf), "--disable_pid_logic",
        "--log_file", str(directory / "fastnetmon.log"),
    ]  # fmt: skip
    with running(command, directory / "fastnetmon.out", environment):
        yield


def test_a_flood_becomes_a_rule_on_the_router_and_its_end_takes_it_back(tmp_path: Path) -> None:
    binary("curl")
    with on_stage(tmp_path) as stage, namespace() as outside:
        cable("flood0", "10.8.0.1/24", "flood1", "10.8.0.2/24", outside)
        outside.run("route", "add", "198.51.100.0/24", "via", "10.8.0.1")
        environment = notify_settings(stage, tmp_path)
        flood = outside.command(sys.executable, "-c", FLOOD)
        with (
            fastnetmon(tmp_path, environment),
            running(flood, tmp_path / "flood.log"),
        ):
            stage.await_rule(f"{VICTIM}/32", LIMIT_S)
        (event,) = stage.daemon.get("/v1/events").json["events"]
        assert (event["source"], event["victim_ip"]) == ("fastnetmon", VICTIM)
        assert event["pps"] > 300
        # FastNetMon looks for ended attacks once a minute; we say the same to the same script.
        words = [str(SCRIPT), VICTIM, "incoming", "0", "unban"]
        done = subprocess.run(
            words,
            env=environment,
            input="",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        stage.await_no_rule(f"{VICTIM}/32", 60)


def test_the_script_says_when_nobody_listens_and_refuses_odd_words(tmp_path: Path) -> None:
    binary("curl")
    conf = tmp_path / "notify.conf"
    conf.write_text("PREFIXD_URL=http://127.0.0.1:9\nPREFIXD_CURL_OPTIONS='--retry 0'\n")
    environment = {"PREFIXD_NOTIFY_CONF": str(conf), "PATH": "/usr/bin:/bin"}
    for words, code in (
        ([VICTIM, "incoming", "1", "ban"], 1),
        ([f"{VICTIM}&action=unban", "incoming", "1", "ban"], 2),
    ):
        done = subprocess.run(
            [str(SCRIPT), *words], env=environment, input="x", capture_output=True, text=True,
            timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
