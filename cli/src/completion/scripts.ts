/**
 * What the three shells need: names of commands from the script itself, at once; everything else is asked from the
 * command, whose answer is one word a line, and `:files` when names of files are wanted.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

type Named = { name: string; summary: string }

export function completionScript(shell: Shell, commands: readonly Named[]): string {
  const write = { bash, zsh, fish }[shell]
  return write(commands)
}

/** A colon is a word break to bash, and every command has one: the words are put together again, and the answers cut. */
const bash = (
  commands: readonly Named[],
) => `# millrace: completion for bash. In ~/.bashrc: source <(millrace completion bash)
_millrace_commands='${commands.map(({ name }) => name).join(' ')}'
_millrace() {
  local line=\${COMP_LINE:0:COMP_POINT} words current offers offer
  read -r -a words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  words=("\${words[@]:1}")
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  if (( \${#words[@]} == 1 )) && [[ $current != -* ]]; then
    mapfile -t offers < <(compgen -W "$_millrace_commands" -- "$current")
  fi
  if (( \${#offers[@]} == 0 )); then
    mapfile -t offers < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
  fi
  for offer in "\${offers[@]}"; do
    if [[ $offer == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "\${current#--*=}")
    else
      COMPREPLY+=("$offer")
    fi
  done
  if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then
    local head=\${current%"\${current##*:}"} i
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"$head"}; done
  fi
}
complete -F _millrace millrace
`

const zsh = (commands: readonly Named[]) => `#compdef millrace
# millrace: completion for zsh. In ~/.zshrc, after compinit: source <(millrace completion zsh)
_millrace() {
  local -a offers named
  local offer
  if (( CURRENT == 2 )) && [[ \${words[2]} != -* ]]; then
    named=(
${commands.map(({ name, summary }) => `      '${`${name.replaceAll(':', '\\:')}:${summary}`.replaceAll("'", "'\\''")}'`).join('\n')}
    )
    _describe -t commands 'command' named && return
  fi
  offers=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${offers[(Ie):files]} )); then
    offers=("\${(@)offers:#:files}")
    compset -P '--*='
    _files
  fi
  offers=("\${(@)offers:#}")
  if (( \${#offers} )); then
    compset -P '--*='
    compadd -- "\${offers[@]}"
  fi
}
compdef _millrace millrace
`

const fish = (
  commands: readonly Named[],
) => `# millrace: completion for fish. millrace completion fish > ~/.config/fish/completions/millrace.fish
function __millrace_offers
    set -l words (commandline -opc) (commandline -ct)
    for offer in (millrace __complete -- $words[2..-1] 2>/dev/null)
        if test "$offer" = :files
            __fish_complete_path (commandline -ct | string replace -r '^--[\\w-]+=' '')
        else
            string match -qr '^(?<head>--[\\w-]+=)' -- (commandline -ct); and echo $head$offer; or echo $offer
        end
    end
end
function __millrace_is_first
    test (count (commandline -opc)) -eq 1
end
complete -c millrace -f
complete -c millrace -n 'not __millrace_is_first' -a '(__millrace_offers)'
complete -c millrace -n '__millrace_is_first; and string match -q -- "-*" (commandline -ct)' -a '(__millrace_offers)'
${commands.map(({ name, summary }) => `complete -c millrace -n __millrace_is_first -a '${name}' -d '${summary.replaceAll("'", "\\'")}'`).join('\n')}
`
