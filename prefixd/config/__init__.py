"""Files to settings: the only floor that reads YAML, the environment and secret files.

The way is load, read, check: `load.py` turns bytes into trees with positions, `schema.py` and the
`*_file.py` tables turn trees into each package's own settings class, `check.py` holds what one
file says against another. All problems of all files come out together. `assemble.load_config` is
the front door; `diff.py`, `redact.py`, `write.py`, `update.py` serve reload and the API.
"""
