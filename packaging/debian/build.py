"""`make deb`: a Debian package around the program that `make binary` leaves as a folder.

Made with dpkg-deb alone. Everything in it comes from this tree: the program with its interpreter,
manual pages, service files, the sample configuration (so marked that an upgrade asks before it
replaces yours), the pages of docs/, dashboards and alert rules. The same commit and program give
the same bytes.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(HERE)]  # a package named `packaging` is in every library

import manual_pages  # noqa: E402  found only now

from prefixd.cli.completion import registration  # noqa: E402

SERVICE = ROOT / "prefixd" / "daemon" / "service_files"
MAINTAINER = "prefixd developers <prefixd@localhost>"
CONTROL = """\
Package: prefixd
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size_kb}
Depends: systemd, libc6 (>= {libc})
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
    HERE / "lintian-overrides": "usr/share/lintian/overrides/prefixd",
}
TREES = {
    ROOT / "docs": "usr/share/doc/prefixd",
    ROOT / "packaging" / "grafana": "usr/share/prefixd/grafana",
    ROOT / "packaging" / "prometheus": "usr/share/prefixd/prometheus",
    ROOT / "packaging" / "fastnetmon": "usr/share/prefixd/fastnetmon",
}
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/prefixdctl",
    "zsh": "usr/share/zsh/vendor-completions/_prefixdctl",
    "fish": "usr/share/fish/vendor_completions.d/prefixdctl.fish",
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


def put_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_symlink():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path.readlink())
        elif path.is_file():
            library = path.suffix == ".so" or ".so." in path.name
            runs = path.stat().st_mode & 0o111 and not library
            put(path, place, 0o755 if runs else 0o644)


def fill(stage: Path, program: Path) -> None:
    put_tree(program, stage / "usr/lib/prefixd")
    (stage / "usr/bin").mkdir()
    for name in ("prefixd", "prefixdctl"):
        (stage / "usr/bin" / name).symlink_to("../lib/prefixd/prefixd")
    for source, place in FILES.items():
        put(source, stage / place)
    for source, place in TREES.items():
        put_tree(source, stage / place)
    for shell, place in COMPLETIONS.items():
        target = stage / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(registration(shell))
    pack(stage / "usr/share/doc/prefixd/changelog.gz", changelog().encode())
    for name, page in manual_pages.pages().items():
        pack(stage / f"usr/share/man/man{name[-1]}/{name}.gz", page.encode())
    for path in sorted((ROOT / "prefixd" / "config" / "sample").glob("*.yaml")):
        target = stage / "etc/prefixd" / path.name
        put(path, target, 0o640)
        target.write_text(target.read_text().replace(SAMPLE_DATABASE, DATABASE))


def changelog() -> str:
    """CHANGELOG.md as the one entry of a Debian changelog."""
    text = (ROOT / "CHANGELOG.md").read_text().splitlines()
    entry = "\n".join(f"  {line}".rstrip() for line in text)
    date = formatdate(moment())
    return f"prefixd ({version()}) stable; urgency=medium\n\n{entry}\n\n -- {MAINTAINER}  {date}\n"


def moment() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct"))


def pack(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(content)


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
        CONTROL.format(
            maintainer=MAINTAINER,
            version=version(),
            architecture=architecture,
            size_kb=size,
            libc=built_against(),
        )
    )


def built_against() -> str:
    """The C library here: what the program needs at least."""
    return (os.confstr("CS_GNU_LIBC_VERSION") or "glibc 2.36").split()[1]


def output(*words: str) -> str:
    return subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()


def build(
    program: Path, into: Path, stage: Path, packing: tuple[str, ...] = ("-Zxz", "-z1")
) -> Path:
    if not (program / "prefixd").exists():
        raise SystemExit(f"{program} is absent: make binary comes first")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    fill(stage, program)
    describe(stage)
    for folder in [stage, *(path for path in stage.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    into.mkdir(parents=True, exist_ok=True)
    package = into / f"prefixd_{version()}_{output('dpkg', '--print-architecture')}.deb"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment())}
    subprocess.run(
        # A higher level saves a twentieth and takes three times as long.
        ["dpkg-deb", "--root-owner-group", *packing, "--build", str(stage), str(package)],
        check=True, stdout=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    return package


def main() -> None:
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    package = build(ROOT / "build" / "binary" / "folder", into, ROOT / "build" / "deb")
    print(f"{package}: {package.stat().st_size / 1_000_000:.0f} MB")


if __name__ == "__main__":
    main()
