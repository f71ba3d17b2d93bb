"""Completions for bash, zsh and fish, made from the same rows as the parser.

Each script is a table of the words that may follow a command; it asks nobody while somebody types.
"""

import argparse
from dataclasses import dataclass

from prefixd.cli.context import Call
from prefixd.cli.grammar import Command, arg

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Level:
    """What may follow the words in `path`: below commands, flags, flags with fixed values."""

    path: tuple[str, ...]
    words: tuple[tuple[str, str], ...]
    flags: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, tuple[str, ...]], ...]
    takes_value: tuple[str, ...]


def completion(call: Call) -> None:
    levels = levels_of(root_of(call))
    scripts = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
    call.out.text(scripts[call.words.shell](levels))


def root_of(call: Call) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = call.words.root
    return parser


def levels_of(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> list[Level]:
    words: list[tuple[str, str]] = []
    flags: list[tuple[str, str]] = []
    values: list[tuple[str, tuple[str, ...]]] = []
    takes: list[str] = []
    below: list[Level] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, made in action.choices.items():
                words.append((name, helps.get(name, "")))
                below += levels_of(made, (*path, name))
            continue
        fixed = tuple(str(choice) for choice in action.choices or ())
        if not action.option_strings:
            words += [(choice, "") for choice in fixed]
            continue
        text = "" if action.help in {None, argparse.SUPPRESS} else str(action.help)
        flags += [(name, text.replace("%%", "%")) for name in action.option_strings]
        if action.nargs != 0:
            takes += action.option_strings
            values += [(name, fixed) for name in action.option_strings if fixed]
    return [Level(path, tuple(words), tuple(flags), tuple(values), tuple(takes)), *below]


def bash_script(levels: list[Level]) -> str:
    lines = [
        "# bash completion of prefixdctl; load it with: source <(prefixdctl completion bash)",
        "_prefixdctl() {",
        "    local path='' word previous='' flags='' words='' values='' i",
        '    local current="${COMP_WORDS[COMP_CWORD]}"',
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        word="${COMP_WORDS[i]}"',
        '        case "$path $word" in',
    ]
    for level in levels:
        for name, _ in level.words:
            if any(other.path == (*level.path, name) for other in levels):
                lines.append(f"            {_quoted(_spaced(level.path) + ' ' + name)})"
                             f" path={_quoted(_spaced((*level.path, name)))} ;;")  # fmt: skip
    lines += [
        "        esac",
        "    done",
        '    previous="${COMP_WORDS[COMP_CWORD - 1]}"',
        '    case "$path" in',
    ]
    for level in levels:
        words = " ".join(name for name, _ in level.words)
        flags = " ".join(name for name, _ in level.flags)
        lines.append(f"        {_quoted(_spaced(level.path))})")
        lines.append(f"            words={_quoted(words)}; flags={_quoted(flags)}")
        if level.takes_value:
            lines.append('            case "$previous" in')
            for name, fixed in level.values:
                lines.append(f"                {name}) values={_quoted(' '.join(fixed))} ;;")
            rest = [name for name in level.takes_value if name not in dict(level.values)]
            if rest:
                lines.append(f"                {'|'.join(rest)}) COMPREPLY=(); return ;;")
            lines.append("            esac")
        lines.append("            ;;")
    lines += [
        "    esac",
        '    if [[ -n "$values" ]]; then words="$values"',
        '    elif [[ "$current" == -* ]]; then words="$flags"; fi',
        '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
        "}",
        "complete -o default -F _prefixdctl prefixdctl",
    ]
    return "\n".join(lines) + "\n"


def zsh_script(levels: list[Level]) -> str:
    lines = [
        "#compdef prefixdctl",
        "# zsh completion of prefixdctl; put it into a directory of $fpath as _prefixdctl",
        "_prefixdctl() {",
        "    local path_='' word",
        "    local -a words_ flags_",
        "    for word in ${words[2,CURRENT-1]}; do",
        '        case "$path_ $word" in',
    ]
    for level in levels[1:]:
        above = _quoted(_spaced(level.path[:-1]) + " " + level.path[-1])
        lines.append(f"            {above}) path_={_quoted(_spaced(level.path))} ;;")
    lines += ["        esac", "    done", '    case "$path_" in']
    for level in levels:
        lines.append(f"        {_quoted(_spaced(level.path))})")
        words = " ".join(_quoted(f"{name}:{_colonless(text)}") for name, text in level.words)
        flags = " ".join(_quoted(f"{name}:{_colonless(text)}") for name, text in level.flags)
        lines += [f"            words_=({words})", f"            flags_=({flags})"]
        lines.append('            case "$words[CURRENT-1]" in')
        for name, fixed in level.values:
            lines.append(f"                {name}) words_=({' '.join(fixed)}) ;;")
        rest = [name for name in level.takes_value if name not in dict(level.values)]
        if rest:
            lines.append(f"                {'|'.join(rest)}) _files; return ;;")
        lines += ["            esac", "            ;;"]
    lines += [
        "    esac",
        "    if [[ $PREFIX == -* ]]; then _describe 'option' flags_",
        "    elif (( $#words_ )); then _describe 'word' words_",
        "    else _files; fi",
        "}",
        "compdef _prefixdctl prefixdctl",
    ]
    return "\n".join(lines) + "\n"


def fish_script(levels: list[Level]) -> str:
    lines = [
        "# fish completion of prefixdctl; put it into ~/.config/fish/completions/prefixdctl.fish",
        "complete -c prefixdctl -f",
    ]
    for level in levels:
        condition = _fish_condition(level)
        for name, text in level.words:
            lines.append(
                f"complete -c prefixdctl -n {_quoted(condition)} -a {_quoted(name)}"
                f" -d {_quoted(text)}"
            )
        fixed = dict(level.values)
        for name, text in level.flags:
            long, option = name.startswith("--"), name.lstrip("-")
            line = (
                f"complete -c prefixdctl -n {_quoted(condition)} {'-l' if long else '-s'} {option}"
            )
            if name in fixed:
                line += f" -x -a {_quoted(' '.join(fixed[name]))}"
            elif name in level.takes_value:
                line += " -r"
            lines.append(f"{line} -d {_quoted(text)}")
    return "\n".join(lines) + "\n"


def _fish_condition(level: Level) -> str:
    seen = [f"__fish_seen_subcommand_from {name}" for name in level.path]
    if not level.path:
        return "__fish_use_subcommand"
    below = [name for name, text in level.words if text]
    if below:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
    return "; and ".join(seen)


def _spaced(path: tuple[str, ...]) -> str:
    return "".join(f" {name}" for name in path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _colonless(text: str) -> str:
    return text.replace(":", " ").replace("\n", " ")


COMMANDS = (
    Command(
        path=("completion",), summary="print the completion script of a shell", run=completion,
        arguments=(arg("shell", choices=SHELLS, help="which shell"),),
        example="source <(prefixdctl completion bash)\n"
        "prefixdctl completion zsh > ~/.zfunc/_prefixdctl\n"
        "prefixdctl completion fish > ~/.config/fish/completions/prefixdctl.fish",
    ),
)  # fmt: skip
