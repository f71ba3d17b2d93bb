"""Files to settings: the only floor that reads YAML, the environment and secret files.

The way is load, read, check: `load.py` turns bytes into trees with positions; `introspect.py` makes
the sections of a file out of annotated settings classes, `*_file.py` arranges them; `reader.py`,
`kinds.py` and `schema.py` walk a tree along them and build each package's own settings; `check.py`
holds what one value says against another. All problems of all files come out together.
`assemble.load_config` is the front door.

Around it: `diff.py` (what a reload changes and what that takes), `redact.py` and `update.py` (the
API's views and changes), `write.py`, `report.py` (`prefixd check`), `sample.py` (`prefixd init`),
`reference.py` (docs/configuration.md).
"""
