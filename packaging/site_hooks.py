"""Hooks for mkdocs.

Links to files of the repository outside docs/ become their text: in a checkout such a link opens
the file, but the site holds only the pages. A link to a file that does not exist is left as it is,
so that the strict build fails on it. `folder/*` in the navigation is every numbered page of it.
"""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?:\.\./)+[^)#\s]*)(?:#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    config["nav"] = _expanded(config["nav"], Path(config["docs_dir"]))
    return config


def _expanded(entry: Any, docs: Path) -> Any:
    if isinstance(entry, dict):
        return {title: _expanded(inner, docs) for title, inner in entry.items()}
    if not isinstance(entry, list):
        return entry
    found: list[Any] = []
    for inner in entry:
        if isinstance(inner, str) and inner.endswith("/*"):
            found += sorted(
                str(path.relative_to(docs)) for path in docs.glob(inner.replace("*", "[0-9]*.md"))
            )
        else:
            found.append(_expanded(inner, docs))
    return found


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    docs = Path(config["docs_dir"]).resolve()
    folder = Path(page.file.abs_src_path).parent

    def text_of(link: re.Match[str]) -> str:
        target = (folder / link["target"]).resolve()
        outside = docs not in (target, *target.parents)
        return link["text"] if outside and target.exists() else link[0]

    return _LINK.sub(text_of, markdown)
