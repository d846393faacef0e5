"""`tinygrad-lite completion SHELL`: what a shell needs to complete commands, options and their choices.

It is written from the parsers themselves, so nothing here knows a command.
"""

from __future__ import annotations

import argparse

from tinygrad_lite import cli

BASH = """_tinygrad_lite() {{
  local words
  case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="" ;;
  esac
  [ "$COMP_CWORD" = 1 ] && words="{commands} --help --version"
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}") $(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _tinygrad_lite tinygrad-lite"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that is to complete")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    if args.shell == "fish":
        print("complete -c tinygrad-lite -n __fish_use_subcommand -a '" + " ".join(cli.COMMANDS) + "'")
        for name in cli.COMMANDS:
            seen = f"complete -c tinygrad-lite -n '__fish_seen_subcommand_from {name}'"
            for word in words(name):
                print(f"{seen} -l {word[2:]}" if word.startswith("--") else f"{seen} -a {word}")
        return 0
    cases = "\n".join(f'    {name}) words="{" ".join(words(name))}" ;;' for name in cli.COMMANDS)
    script = BASH.format(cases=cases, commands=" ".join(cli.COMMANDS))
    print(f"autoload -U +X bashcompinit && bashcompinit\n{script}" if args.shell == "zsh" else script)
    return 0


def words(command: str) -> list[str]:
    """The long options of a command and the words that its arguments may be.

    >>> words("completion")
    ['--help', 'bash', 'zsh', 'fish']
    """
    actions = cli.command_parser(command)._actions
    options = [option for action in actions for option in action.option_strings if option.startswith("--")]
    return options + [str(choice) for action in actions for choice in action.choices or ()]
