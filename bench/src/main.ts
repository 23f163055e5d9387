/**
 * `npm run bench`: what a request costs, here and next to others, on this machine.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { runCallers } from './callers.ts'
import { runDataPath } from './data-path.ts'
import { runDecide } from './decide.ts'
import { runDirectory } from './directory.ts'
import { runLimits } from './limits.ts'
import { ROW_NAMES, type RowName } from './rows.ts'

const HELP = `Usage: npm run -s bench -- <what> [options]

  decide       what normalise, match, decide and compile cost, in this process
  directory    memory, look-ups and changes of a directory of many API keys, in this process
  callers      CPU time of a decision for each kind of caller, next to bare checks of signatures, in one process
  limits       CPU time of a request that limits count; those that agents share on a real Redis (needs redis-server)
  data-path    CPU time, throughput and latency per request, next to nginx, HAProxy, Caddy, nginx with Lua and node:http.
               Linux with two cores; needs nginx, wrk and taskset (as root on Debian: installs what it can use)

  --json                  the rows as JSON
  --rows a,b              of data-path: ${ROW_NAMES.join(', ')} (all)
  --rounds n              interleaved rounds (5)
  --seconds n             length of one (4); of the row slow at least 3
  --routes n              routes of the release (1000)
  --keys n                API keys (100000; of directory 1000000)
  --agent file            another agent: a bundle or its main.ts (dist/agent.js when fresh, else agent/src/main.ts);
                          may be given several times, to compare them in one run
  --agent-env NAME=value  a setting of the agent; may be given several times
  --save name             keeps the result as bench/results/<date>-<name>.json

Nothing else should run meanwhile. Results and method: bench/README.md
`

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      rows: { type: 'string', default: ROW_NAMES.join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      routes: { type: 'string', default: '1000' },
      keys: { type: 'string' },
      agent: { type: 'string', multiple: true, default: [] },
      'agent-env': { type: 'string', multiple: true, default: [] },
      save: { type: 'string' },
    },
  })
  switch (values.help ? undefined : positionals[0]) {
    case undefined:
      process.stdout.write(HELP)
      return
    case 'decide':
      return runDecide(values.json)
    case 'directory':
      return runDirectory(count('keys', values.keys ?? '1000000', 4_000_000), values.json)
    case 'callers':
      return runCallers(count('rounds', values.rounds, 100), values.json)
    case 'limits':
      return runLimits(count('rounds', values.rounds, 100), values.json)
    case 'data-path':
      return runDataPath({
        rows: rowNames(values.rows),
        rounds: count('rounds', values.rounds, 100),
        seconds: count('seconds', values.seconds, 600),
        routes: count('routes', values.routes, 10_000),
        keys: count('keys', values.keys ?? '100000', 1_000_000),
        agents: values.agent,
        agentEnv: Object.fromEntries(values['agent-env'].map(setting)),
        json: values.json,
        save: fileName(values.save),
      })
    default:
      throw new Error(`there is no bench ${positionals[0]}; see --help`)
  }
}

function rowNames(text: string): RowName[] {
  return text.split(',').map((name) => {
    const found = ROW_NAMES.find((each) => each === name)
    if (found === undefined) throw new Error(`there is no row ${name}: ${ROW_NAMES.join(', ')}`)
    return found
  })
}

function count(name: string, text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Error(`--${name} is a number from 1 to ${max}`)
  return value
}

function setting(text: string): [string, string] {
  const mark = text.indexOf('=')
  if (mark < 1) throw new Error(`--agent-env is NAME=value, not ${text}`)
  return [text.slice(0, mark), text.slice(mark + 1)]
}

function fileName(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w.-]+$/.test(text)) throw new Error('--save is a name, not a path')
  return text
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 1
}
