"""`make binary`: one executable file that needs nothing on the machine it runs on.

PyInstaller puts the interpreter, our package and its libraries into one file; staticx adds the C
library and its loader, so that it starts in an otherwise empty root directory (it needs /proc, and
unpacks into /tmp). The result is dist/prefixd; a link named prefixdctl is the client. The same
without the packing, for a package manager to unpack once, is build/binary/folder (`make deb`).
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sys.executable).parent


def main() -> None:
    work, dist = ROOT / "build" / "binary", ROOT / "dist"
    environment = {**os.environ, "PATH": f"{HERE}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run(
        [
            HERE / "pyinstaller", "--noconfirm", "--log-level", "WARN",
            "--workpath", work, "--distpath", work,
            ROOT / "packaging" / "binary" / "prefixd.spec",
        ],
        check=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    dist.mkdir(exist_ok=True)
    subprocess.run(
        [HERE / "staticx", work / "prefixd-dynamic", dist / "prefixd"],
        check=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    (dist / "prefixd").chmod(0o755)
    size = (dist / "prefixd").stat().st_size / 1_000_000
    print(f"dist/prefixd: {size:.0f} MB")


if __name__ == "__main__":
    main()
