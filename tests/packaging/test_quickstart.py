"""The blocks of docs/quickstart.md, run as they stand, one after the other."""

import os
import re
import subprocess
import uuid
from pathlib import Path

from tests.kit.daemon_process import ROOT
from tests.kit.require import binary, network_namespaces

PAGE = ROOT / "docs" / "quickstart.md"


def test_the_page_leads_to_a_rule_on_a_router_and_away_again(tmp_path: Path) -> None:
    network_namespaces()
    for program in ("bird", "birdc", "curl"):
        binary(program)
    name = f"pfx-{uuid.uuid4().hex[:8]}"
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 8
    # Only the name differs from the page, so that two runs do not meet.
    script = "".join(blocks).replace("netns add try", f"netns add {name}")
    script = script.replace("exec try ", f"exec {name} ").replace("-n try ", f"-n {name} ")
    script = script.replace("delete try", f"delete {name}")
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), "/usr/sbin", os.environ["PATH"]])
    try:
        done = subprocess.run(
            ["timeout", "90", "bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
    finally:
        for kept in ("prefixd.pid", "bird.pid"):
            if (tmp_path / kept).exists():
                process = (tmp_path / kept).read_text().strip()
                subprocess.run(["kill", "-9", process], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    log = tmp_path / "prefixd.log"
    assert done.returncode == 0, (
        done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    )
    assert '"outcome":"mitigated"' in done.stdout
    assert "flow4 { dst 198.51.100.20/32; proto 17; }" in done.stdout
    assert "0x4a189680" in done.stdout
