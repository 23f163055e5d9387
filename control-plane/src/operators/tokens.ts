/**
 * Makes operator tokens.
 *
 * @module
 */
import type { Tx } from '#control-plane/db.ts'
import { TOKEN_PREFIX, hashSecret, newSecret } from './secrets.ts'
import { type OperatorRow, type TokenRow, insertToken } from './store.ts'

/** Life of a person's token when none is asked for, in milliseconds. A service's token does not end by time. */
const PERSON_LIFE_MS = 90 * 86_400_000

/** @returns the row, and the text that is shown once. */
export async function createToken(
  tx: Tx,
  operator: OperatorRow,
  { name, lifeMs, nowMs }: { readonly name: string; readonly lifeMs: number | undefined; readonly nowMs: number },
): Promise<{ row: TokenRow; text: string }> {
  const kind = operator.kind === 'service' ? 'service' : 'person'
  const text = TOKEN_PREFIX[kind] + newSecret()
  const life = lifeMs ?? (kind === 'person' ? PERSON_LIFE_MS : undefined)
  const row = await insertToken(
    tx,
    {
      operatorId: operator.id,
      name,
      sha256: hashSecret(text),
      last4: text.slice(-4),
      expiresAt: life === undefined ? null : new Date(nowMs + life),
    },
    nowMs,
  )
  return { row, text }
}
