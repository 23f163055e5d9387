/**
 * Welcome links: how an operator gets in without a password.
 *
 * A link works once, for ten minutes. The first one creates the first owner; it is made when nobody is there, and is
 * worth nothing as soon as somebody is. The code stands behind `#`, so it reaches no log of any server.
 *
 * @module
 */
import { change } from '#control-plane/audit/audit.ts'
import { type Tx, isUniqueViolation } from '#control-plane/db.ts'
import type { AnonymousContext, HandlersOf } from '#control-plane/rest/contract.ts'
import { refuse, refuseInput } from '#control-plane/rest/refusal.ts'
import { SESSION_COOKIE, SESSION_LIFE_MS, WELCOME_LIFE_MS, hashSecret, newSecret } from './secrets.ts'
import {
  type OperatorRow,
  findOperator,
  hasOperators,
  insertOperator,
  insertSession,
  insertWelcomeLink,
  lockOwners,
  takeWelcomeLink,
} from './store.ts'
import { createToken } from './tokens.ts'
import { operatorView } from './views.ts'

export interface WelcomeLink {
  readonly url: string
  readonly expiresAt: Date
  readonly id: string
}

/** @param operatorId null: for the first run. */
export async function createWelcomeLink(
  tx: Tx,
  publicUrl: string,
  operatorId: string | null,
  nowMs: number,
): Promise<WelcomeLink> {
  const code = newSecret()
  const expiresAt = new Date(nowMs + WELCOME_LIFE_MS)
  const id = await insertWelcomeLink(tx, { operatorId, sha256: hashSecret(code), expiresAt }, nowMs)
  return { url: `${publicUrl}/welcome#${code}`, expiresAt, id }
}

interface Entry {
  readonly code: string
  readonly name?: string | undefined
  readonly want: 'session' | 'token'
}

interface Entered {
  readonly operator: OperatorRow
  readonly first: boolean
  readonly session: string | null
  readonly token: string | null
}

export const welcomeHandlers = {
  welcome: async (context, { body }) => {
    const { operator, session, token } = await enter(context, body)
    if (session !== null) {
      context.setHeader(
        'Set-Cookie',
        `${SESSION_COOKIE}=${session}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${SESSION_LIFE_MS / 1000}`,
      )
    }
    return { operator: operatorView(operator), token }
  },

  createWelcomeLink: async (context) => {
    const { services, caller } = context
    return change(context, async (tx) => {
      const link = await createWelcomeLink(tx, services.publicUrl, caller.operatorId, services.clock.now())
      const expires_at = link.expiresAt.toISOString()
      const target = { kind: 'operator', id: caller.operatorId, name: caller.name }
      return {
        result: { url: link.url, expires_at },
        audit: { action: 'welcome_link.create', target, after: { id: link.id, expires_at } },
      }
    })
  },
} satisfies HandlersOf<'welcome' | 'createWelcomeLink'>

async function enter(context: AnonymousContext, entry: Entry): Promise<Entered> {
  const nowMs = context.services.clock.now()
  try {
    return await change(context, async (tx) => {
      const link = await takeWelcomeLink(tx, hashSecret(entry.code), new Date(nowMs))
      if (link === null) return refuse('welcome_code_invalid')
      const first = link.operatorId === null
      const operator = first ? await createFirst(tx, entry.name, nowMs) : await findOperator(tx, link.operatorId ?? '')
      if (operator === null || operator.disabled) return refuse('welcome_code_invalid')
      const result = { operator, first, ...(await giveCredential(tx, operator, entry.want, nowMs)) }
      const target = { kind: 'operator', id: operator.id, name: operator.name }
      const after = { first, got: entry.want, ...(first ? { operator: operatorView(operator) } : {}) }
      return {
        result,
        audit: { action: 'operator.welcome', target, after, operator: { id: operator.id, name: operator.name } },
      }
    })
  } catch (thrown) {
    if (isUniqueViolation(thrown)) return refuse('name_taken')
    throw thrown
  }
}

async function giveCredential(
  tx: Tx,
  operator: OperatorRow,
  want: Entry['want'],
  nowMs: number,
): Promise<Pick<Entered, 'session' | 'token'>> {
  if (want === 'token') {
    const { text } = await createToken(tx, operator, { name: 'welcome', lifeMs: undefined, nowMs })
    return { session: null, token: text }
  }
  const session = newSecret()
  await insertSession(tx, operator.id, hashSecret(session), nowMs, SESSION_LIFE_MS)
  return { session, token: null }
}

/** The first owner of everything; refused when somebody was faster. */
async function createFirst(tx: Tx, name: string | undefined, nowMs: number): Promise<OperatorRow> {
  if (name === undefined) refuseInput('/name', 'field_missing', 'It is missing', 'Give the name of the first owner')
  await lockOwners(tx)
  if (await hasOperators(tx)) refuse('welcome_code_invalid')
  return insertOperator(tx, { name, kind: 'person', roles: [{ tenantId: null, role: 'owner' }] }, nowMs)
}
