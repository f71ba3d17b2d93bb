"""Where the self-contained executable begins: the daemon, or the client when called prefixdctl."""

import sys
from pathlib import Path

from prefixd.__main__ import main as daemon
from prefixd.cli.main import main as client

if __name__ == "__main__":
    called = Path(sys.argv[0]).name
    sys.exit(client() if called == "prefixdctl" else daemon())
