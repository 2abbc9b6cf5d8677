"""`tunekit completion`: the script by which a shell completes tunekit's command line."""

# Without `from __future__ import annotations`: typer would compile each of them anew.

from enum import Enum
from typing import Annotated

import typer

from tunekit.cli import options, output
from tunekit.cli.completing import REQUEST

app = options.new_app()
EPILOG = options.epilog(
    (
        "tunekit completion bash > /usr/share/bash-completion/completions/tunekit",
        "tunekit completion zsh > /usr/share/zsh/vendor-completions/_tunekit",
        "tunekit completion fish > ~/.config/fish/completions/tunekit.fish",
    ),
    "0 printed; 2 wrong usage.",
)


class Shell(Enum):
    """A shell that completes."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


# A path is completed by the shell itself where nothing of ours fits.
_SCRIPTS = {
    Shell.BASH: f"""\
_tunekit() {{
    local IFS=$'\\n'
    # The words anew, cut at blanks only: bash cuts at = and : too.
    local words cword
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: words cword
    else
        words=("${{COMP_WORDS[@]}}") cword=$COMP_CWORD
    fi
    COMPREPLY=($(tunekit {REQUEST} "$cword" "${{words[@]}}" 2>/dev/null))
    declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "${{words[cword]}}"
}}
complete -o bashdefault -o default -F _tunekit tunekit
""",
    Shell.ZSH: f"""\
#compdef tunekit
_tunekit() {{
    local -a found
    found=("${{(@f)$(tunekit {REQUEST} $((CURRENT - 1)) "${{words[@]}}" 2>/dev/null)}}")
    found=(${{found:#}})
    if (( $#found )); then compadd -a found; else _files; fi
}}
if [ "$funcstack[1]" = _tunekit ]; then _tunekit "$@"; else compdef _tunekit tunekit; fi
""",
    Shell.FISH: f"""\
function __tunekit_complete
    set -l before (commandline -opc)
    tunekit {REQUEST} (count $before) $before (commandline -ct) 2>/dev/null
end
complete -c tunekit -a '(__tunekit_complete)'
""",
}


@app.command(cls=options.Command, epilog=EPILOG)
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.")],
) -> int:
    """Print the script by which a shell completes commands, options, profiles, keys and checks.

    Put it where your shell looks for completions, as below, or load it once with, say,
    source <(tunekit completion bash).
    """
    return 0 if output.write(_SCRIPTS[shell]) else 3
