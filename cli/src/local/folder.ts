/**
 * The folder of a local start: what lies where, for its owner alone.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '#cli/exit.ts'
import { certificatesOf } from '#cli/connect/fetch.ts'

export interface Folder {
  readonly root: string
  readonly context: string
  readonly masterKey: string
  readonly firstRun: string
  readonly certificate: string
  readonly certificateKey: string
  readonly postgres: string
  readonly controlPlane: string
  readonly logs: string
  /** What runs; see `run-file.ts`. */
  readonly runFile: string
  /** What ends with this process; see `guard.ts`. */
  readonly guard: string
  agent(name: string): string
  log(name: string): string
}

/** Life of the certificate of dashboard and admin API, in milliseconds. Safari takes no more than 825 days. */
const CERTIFICATE_LIFE_MS = 820 * 86_400_000

/** A new one is made this long before the end, in milliseconds. */
const CERTIFICATE_RENEW_MS = 30 * 86_400_000

/** Names by which the certificate may be reached. */
const CERTIFICATE_HOSTS = ['localhost', '127.0.0.1', '::1']

export function folderAt(root: string): Folder {
  const at = (...names: string[]): string => join(root, ...names)
  return {
    root,
    context: at('context.json'),
    masterKey: at('master.key'),
    firstRun: at('first-run'),
    certificate: at('tls.crt'),
    certificateKey: at('tls.key'),
    postgres: at('postgres'),
    controlPlane: at('control-plane'),
    logs: at('logs'),
    runFile: at('run.json'),
    guard: at('guard'),
    agent: (name) => at('agents', name),
    log: (name) => at('logs', `${name}.log`),
  }
}

/** Makes the folder and the keys in it; what is there stays. */
export async function prepareFolder(folder: Folder, nowMs: number): Promise<void> {
  for (const path of [folder.root, folder.logs, folder.controlPlane])
    await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(folder.root, 0o700)
  // It holds keys: nobody commits it by accident.
  await writeOnce(join(folder.root, '.gitignore'), '*\n')
  refuseLostKey(folder)
  await writeOnce(folder.masterKey, `${randomBytes(32).toString('base64')}\n`)
  await ensureCertificate(folder, nowMs)
}

/** A new key could not open what the old one sealed: better told now than by a program that cannot start. */
function refuseLostKey({ masterKey, postgres }: Folder): void {
  if (existsSync(masterKey) || !existsSync(join(postgres, 'data', 'PG_VERSION'))) return
  throw new CliError(`${masterKey} is gone, and the database cannot be opened without it`, {
    fix: 'Put it back from a copy, or start anew with --data <folder>',
  })
}

async function writeOnce(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new CliError(`${path} cannot be written`, { cause: thrown })
    }
  }
}

/** The certificate of dashboard and admin API, made here so that the command knows it without asking anybody. */
async function ensureCertificate({ certificate, certificateKey }: Folder, nowMs: number): Promise<void> {
  const [known] = certificatesOf(await readFile(certificate, 'utf8').catch(() => ''))
  const hasKey = (await readFile(certificateKey, 'utf8').catch(() => '')).includes('PRIVATE KEY')
  if (known !== undefined && hasKey && Date.parse(known.validTo) - nowMs > CERTIFICATE_RENEW_MS) return
  const { createSelfSigned, pem } = await import('@headgate/kit/pki.ts')
  const made = await createSelfSigned({ hosts: CERTIFICATE_HOSTS, nowMs, lifeMs: CERTIFICATE_LIFE_MS })
  await writeFile(`${certificateKey}.new`, pem('PRIVATE KEY', made.privateKey), { mode: 0o600 })
  await writeFile(`${certificate}.new`, pem('CERTIFICATE', made.certificate), { mode: 0o600 })
  // The key first: a crash in between leaves a pair that does not fit, and no certificate that looks current.
  await rename(`${certificateKey}.new`, certificateKey)
  await rename(`${certificate}.new`, certificate)
}
