"""`make audit`: are our dependencies what we locked, under which licences, and known to be broken?

Three questions. The first two need no network: what is installed is what the lock names, each with
the hashes pip checks, and every library the product ships has a licence we know. The third asks a
database of known vulnerabilities (https://osv.dev). When that cannot be reached the answer is not
"none": it is exit code 2 and a sentence saying that nothing was checked.

Exit codes: 0 nothing wrong, 1 something is wrong, 2 the database was not reached.
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;\n]+)([^\\\n]*(?:\\\n[^\\\n]*)*)", re.MULTILINE)
"""Name, version, and the options on the lines that a backslash joins."""
DATABASE = "https://api.osv.dev/v1/querybatch"
OURS = {"prefixd"}
TOOLS = {"pip", "setuptools", "wheel"}  # come with the interpreter; the lock is read by them
# What may be shipped inside an MIT product without asking.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0",
    "PSF-2.0", "Python-2.0", "Unlicense",
}  # fmt: skip
NAMES = {
    "Apache Software License": "Apache-2.0", "Apache 2": "Apache-2.0", "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause", "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip


def locked(lock: Path) -> dict[str, str]:
    return {plain(name): version for name, version, _ in LOCKED.findall(lock.read_text())}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def differences(wanted: dict[str, str], installed: dict[str, str]) -> Iterator[str]:
    for name, version in sorted(wanted.items()):
        if name not in installed:
            yield f"{name} {version} is locked and not installed"
        elif installed[name] != version:
            yield f"{name} {version} is locked, {installed[name]} is installed"


def without_hashes(lock: Path) -> Iterator[str]:
    for name, version, options in LOCKED.findall(lock.read_text()):
        if "--hash=sha256:" not in options:
            yield f"{name} {version} is locked without a hash"


def licence(name: str) -> str:
    """An SPDX expression, or the words of the package, or nothing."""
    facts = metadata.metadata(name)
    if expression := facts.get("License-Expression"):
        return expression
    told = facts.get("License") or ""
    classified = [
        line.rpartition(" :: ")[2]
        for line in facts.get_all("Classifier") or []
        if line.startswith("License :: OSI Approved :: ")
    ]
    words = [told] if told and len(told) < 40 else classified
    return " AND ".join(NAMES.get(word, word) for word in words)


def is_permissive(expression: str) -> bool:
    """Every part of an AND, one of an OR; parentheses are read as they are nested nowhere yet."""
    if not expression:
        return False
    every = re.split(r"\s+AND\s+", expression.replace("(", "").replace(")", ""))
    return all(set(re.split(r"\s+OR\s+", part)) & PERMISSIVE for part in every)


def known_vulnerabilities(wanted: dict[str, str], database: str) -> Iterator[str]:
    """Raises OSError when the database does not answer, or not what was asked."""
    names = sorted(wanted)
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": wanted[name]} for name in names
    ]
    request = urllib.request.Request(
        database,
        data=json.dumps({"queries": queries}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            results: list[dict[str, Any]] = json.loads(reply.read())["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise OSError("the reply is not that of osv.dev") from error
    if len(results) != len(names):
        raise OSError("the reply does not match the question")
    for name, result in zip(names, results, strict=True):
        for found in result.get("vulns") or []:
            yield f"{name} {wanted[name]}: {found['id']} (https://osv.dev/{found['id']})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--database", default=DATABASE, metavar="URL")
    parser.add_argument("--shipped", type=Path, default=ROOT / "requirements" / "run.txt")
    parser.add_argument("--all", type=Path, default=ROOT / "requirements" / "dev.txt")
    parser.add_argument("--offline", action="store_true", help="do not ask the database")
    words = parser.parse_args()

    shipped, everything = locked(words.shipped), locked(words.all)
    installed = {
        plain(each.metadata["Name"]): each.version
        for each in metadata.distributions()
        if each.metadata["Name"]
    }
    wrong = [*differences(everything, installed), *without_hashes(words.all)]
    besides = sorted(installed.keys() - everything.keys() - OURS - TOOLS)
    print(f"locked {len(everything)}, of which {len(shipped)} are shipped; all with hashes")
    for name in sorted(shipped.keys() & installed.keys()):
        found = licence(name)
        print(f"  {name:<20} {shipped[name]:<10} {found or 'unknown licence'}")
        if not is_permissive(found):
            wrong.append(f"{name}: the licence {found or 'unknown'!r} has to be reviewed")
    if besides:
        print(f"also in this environment, not locked, not shipped: {', '.join(besides)}")

    reached = False
    if not words.offline:
        try:
            wrong += known_vulnerabilities(everything, words.database)
            reached = True
        except (OSError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", None) or error
            print(f"NOT CHECKED for known vulnerabilities: {words.database}: {reason}")
    for line in wrong:
        print(f"WRONG: {line}")
    if wrong:
        return 1
    if not reached:
        print("installed is what is locked; known vulnerabilities were not checked")
        return 0 if words.offline else 2
    print("nothing wrong: installed is what is locked, and nothing known against any of it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
