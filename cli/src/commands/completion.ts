/**
 * `headgate completion`: a script that completes commands and options in a shell.
 *
 * Made from the tree of commands, so it cannot fall behind.
 *
 * @module
 */
import { Argument, type Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'

export function completionCommand(cli: Cli): Command {
  return command('completion', {
    summary: 'Print a completion script',
    examples: ['eval "$(headgate completion bash)"', 'headgate completion zsh > ~/.zsh/completions/_headgate'],
  })
    .addArgument(new Argument('<shell>', 'Which shell').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh', _options: unknown, self: Command) => {
      const words = wordsByPath(rootOf(self))
      cli.terminal.out.stream.write(shell === 'bash' ? bashScript(words) : zshScript(words))
    })
}

function rootOf(one: Command): Command {
  return one.parent === null ? one : rootOf(one.parent)
}

/** What may follow each command, such as `keys create` -> its options. */
function wordsByPath(root: Command): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, readonly string[]>()
  const shared = root.options.flatMap(({ long }) => long ?? [])
  const visit = (one: Command, path: string): void => {
    const own = one === root ? [] : one.options.flatMap(({ long }) => long ?? [])
    words.set(path, [...one.commands.map((sub) => sub.name()), ...own, ...shared, '--help'])
    for (const sub of one.commands) visit(sub, path === '' ? sub.name() : `${path} ${sub.name()}`)
  }
  visit(root, '')
  return words
}

function cases(words: ReadonlyMap<string, readonly string[]>): string {
  // Names and options are ours and plain: letters, digits and dashes.
  return [...words].map(([path, list]) => `    '${path}') words='${list.join(' ')}' ;;`).join('\n')
}

/** Collects the words before the cursor that are commands; what starts with a dash is none. */
const PATH_LOOP = `  local path='' word
  for word in "\${before[@]}"; do
    case "$word" in -*) continue ;; esac
    if [ -z "$path" ]; then path="$word"; else path="$path $word"; fi
  done`

function bashScript(words: ReadonlyMap<string, readonly string[]>): string {
  return `_headgate() {
  local before=("\${COMP_WORDS[@]:1:COMP_CWORD-1}") words=''
${PATH_LOOP}
  case "$path" in
${cases(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _headgate headgate
`
}

function zshScript(words: ReadonlyMap<string, readonly string[]>): string {
  return `#compdef headgate
_headgate() {
  local -a before
  before=("\${(@)words[2,CURRENT-1]}")
  local words=''
${PATH_LOOP}
  case "$path" in
${cases(words)}
  esac
  compadd -- \${=words}
}
if [ "$funcstack[1]" = "_headgate" ]; then _headgate "$@"; else compdef _headgate headgate; fi
`
}
