"""`make deb`: a Debian package around the one-file executable, made with dpkg-deb alone.

Everything in it comes from this tree: the executable of `make binary`, service files, the sample
configuration (so marked that an upgrade asks before it replaces yours), the pages of docs/,
dashboards and alert rules. The same commit and executable give the same
bytes.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SERVICE = ROOT / "prefixd" / "daemon" / "service_files"
CONTROL = """\
Package: prefixd
Version: {version}
Architecture: {architecture}
Maintainer: prefixd developers <prefixd@localhost>
Installed-Size: {size_kb}
Depends: systemd
Suggests: postgresql, prometheus, logrotate
Section: net
Priority: optional
Description: DDoS-mitigation control plane: detector events in, BGP FlowSpec rules out
 One service between detectors that see attacks and routers that can filter
 them. The BGP speaker, the HTTP API and the store live in one process.
"""
FILES = {
    SERVICE / "prefixd.service": "lib/systemd/system/prefixd.service",
    SERVICE / "prefixd.socket": "lib/systemd/system/prefixd.socket",
    SERVICE / "prefixd-api.socket": "lib/systemd/system/prefixd-api.socket",
    SERVICE / "sysusers.conf": "usr/lib/sysusers.d/prefixd.conf",
    SERVICE / "tmpfiles.conf": "usr/lib/tmpfiles.d/prefixd.conf",
    SERVICE / "logrotate.conf": "etc/logrotate.d/prefixd",
    ROOT / "LICENSE": "usr/share/doc/prefixd/copyright",
}
TREES = {
    ROOT / "docs": "usr/share/doc/prefixd",
    ROOT / "packaging" / "grafana": "usr/share/prefixd/grafana",
    ROOT / "packaging" / "prometheus": "usr/share/prefixd/prometheus",
    ROOT / "packaging" / "fastnetmon": "usr/share/prefixd/fastnetmon",
}
SAMPLE_DATABASE = "sqlite:run/prefixd.db"
DATABASE = "sqlite:///var/lib/prefixd/prefixd.db"


def version() -> str:
    text = (ROOT / "prefixd" / "__init__.py").read_text()
    found = re.search(r'__version__ = "(.+)"', text)
    if found is None:
        raise SystemExit("prefixd/__init__.py says no version")
    return found[1].replace("rc", "~rc")


def put(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def fill(stage: Path, executable: Path) -> None:
    put(executable, stage / "usr/bin/prefixd", 0o755)
    (stage / "usr/bin/prefixdctl").symlink_to("prefixd")
    for source, place in FILES.items():
        put(source, stage / place)
    for source, place in TREES.items():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                executable_bit = path.stat().st_mode & 0o111
                put(
                    path,
                    stage / place / path.relative_to(source),
                    0o755 if executable_bit else 0o644,
                )
    with gzip.GzipFile(stage / "usr/share/doc/prefixd/changelog.gz", "wb", mtime=0) as packed:
        packed.write((ROOT / "CHANGELOG.md").read_bytes())
    for path in sorted((ROOT / "prefixd" / "config" / "sample").glob("*.yaml")):
        target = stage / "etc/prefixd" / path.name
        put(path, target, 0o640)
        target.write_text(target.read_text().replace(SAMPLE_DATABASE, DATABASE))


def describe(stage: Path) -> None:
    control = stage / "DEBIAN"
    control.mkdir()
    for script in ("postinst", "prerm", "postrm"):
        put(HERE / script, control / script, 0o755)
    paths = sorted(path for path in (stage / "etc").rglob("*") if path.is_file())
    (control / "conffiles").write_text("".join(f"/{path.relative_to(stage)}\n" for path in paths))
    size = sum(path.lstat().st_size for path in stage.rglob("*")) // 1024
    architecture = output("dpkg", "--print-architecture")
    (control / "control").write_text(
        CONTROL.format(version=version(), architecture=architecture, size_kb=size)
    )


def output(*words: str) -> str:
    return subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()


def build(executable: Path, into: Path, stage: Path) -> Path:
    if not executable.exists():
        raise SystemExit(f"{executable} is absent: make binary comes first")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    fill(stage, executable)
    describe(stage)
    for folder in [stage, *(path for path in stage.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    into.mkdir(parents=True, exist_ok=True)
    package = into / f"prefixd_{version()}_{output('dpkg', '--print-architecture')}.deb"
    moment = os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct")
    subprocess.run(
        # The executable is compressed already.
        ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(stage), str(package)],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": moment},
    )  # fmt: skip
    return package


def main() -> None:
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    package = build(ROOT / "dist" / "prefixd", into, ROOT / "build" / "deb")
    print(f"{package}: {package.stat().st_size / 1_000_000:.0f} MB")


if __name__ == "__main__":
    main()
