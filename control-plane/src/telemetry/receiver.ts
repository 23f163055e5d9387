/**
 * Takes what agents tell about requests and credentials: OTLP logs and metrics, over the agents' own mTLS port.
 *
 * Who tells it comes from the certificate. What does not fit is refused record by record, and the sender is told how
 * many (OTLP partial success); when Postgres is away the whole batch is refused as UNAVAILABLE, which exporters
 * repeat.
 *
 * Source: OTLP 1.x, "Partial Success" and "Failures".
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Database } from '@headgate/prisma'
import {
  type ExportLogsServiceRequest,
  type ExportLogsServiceResponse,
  ExportLogsServiceResponseSchema,
  type ExportMetricsServiceRequest,
  type ExportMetricsServiceResponse,
  ExportMetricsServiceResponseSchema,
} from '@headgate/proto'
import type { Answer } from '#control-plane/fleet/enroll.ts'
import type { Identified } from '#control-plane/fleet/identify.ts'
import type { LogRecord } from './attributes.ts'
import { noteDecoys, noteUses } from './credential-store.ts'
import { type DecoyUse, readDecoy } from './decoys.ts'
import { type Janitor, type RetentionBudget, createJanitor } from './janitor.ts'
import { readMinutes } from './minutes.ts'
import { type DecisionRow, type Sender, readRecord } from './records.ts'
import { createTelemetryStore } from './store.ts'
import { type CredentialUse, readUses } from './uses.ts'

/** How long it is remembered what an agent may tell about, in milliseconds. */
const SENDER_MS_MAX = 2_000

/**
 * When something is refused, what is remembered is looked up again unless it is younger, in milliseconds: a group may
 * just have begun to serve an environment, and exporters do not repeat what was refused.
 */
const SENDER_MS_DOUBTED = 100
const SENDERS_MAX = 10_000

export interface TelemetryReceiver extends AsyncDisposable {
  receiveLogs(request: ExportLogsServiceRequest, caller: Identified): Promise<Answer<ExportLogsServiceResponse>>
  receiveMetrics(
    request: ExportMetricsServiceRequest,
    caller: Identified,
  ): Promise<Answer<ExportMetricsServiceResponse>>
  /** Records and points that were refused since the start. */
  refusedCount(): number
  readonly janitor: Janitor
}

interface ReceiverOptions {
  readonly db: Database
  readonly retention: RetentionBudget
  readonly clock: Clock
  readonly log: Log
}

export function createTelemetryReceiver({ db, retention, clock, log }: ReceiverOptions): TelemetryReceiver {
  const store = createTelemetryStore(db)
  const janitor = createJanitor({ store, retention, clock, log })
  const senders = new Map<string, { readonly sender: Sender | null; readonly readAtMs: number }>()
  let refusedSum = 0

  async function findSender(caller: Identified): Promise<Answer<Sender>> {
    if (caller.kind === 'refused') return caller
    const known = senders.get(caller.agentId)
    const sender = known !== undefined && ageMs(known) < SENDER_MS_MAX ? known.sender : await readSender(caller.agentId)
    if (sender !== null) return { kind: 'ok', message: sender }
    return { kind: 'refused', refusal: { code: status.PERMISSION_DENIED, details: 'the agent was revoked' } }
  }

  async function readSender(agentId: string): Promise<Sender | null> {
    const row = await store.findSender(agentId)
    const sender = row && { agentId, ...row }
    if (senders.size >= SENDERS_MAX) senders.clear()
    senders.set(agentId, { sender, readAtMs: clock.monotonic() })
    return sender
  }

  function ageMs({ readAtMs }: { readonly readAtMs: number }): number {
    return clock.monotonic() - readAtMs
  }

  /** Judges what an agent tells; again with fresh knowledge of the agent when something is refused. */
  async function judge<T extends { readonly refused: number }>(
    sender: Sender,
    read: (sender: Sender) => T,
  ): Promise<T> {
    const judged = read(sender)
    const known = senders.get(sender.agentId)
    if (judged.refused === 0 || (known !== undefined && ageMs(known) < SENDER_MS_DOUBTED)) return judged
    return read((await readSender(sender.agentId)) ?? { ...sender, environmentIds: new Set() })
  }

  function count(agentId: string, refusals: ReadonlyMap<string, number>): number {
    const refused = [...refusals.values()].reduce((sum, number) => sum + number, 0)
    refusedSum += refused
    if (refused > 0)
      log.warn({ agent_id: agentId, refused, reasons: Object.fromEntries(refusals) }, 'refused telemetry')
    return refused
  }

  return {
    janitor,
    refusedCount: () => refusedSum,

    receiveLogs: async (request, caller) => {
      const found = await findSender(caller)
      if (found.kind === 'refused') return found
      const logs = request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
      const { rows, uses, decoys, refusals } = await judge(found.message, (sender) =>
        readLogs(logs, sender, clock.now()),
      )
      const { agentName } = found.message
      await store.insertRecords(rows)
      await noteUses(db, agentName, uses)
      for (const presented of await noteDecoys(db, agentName, decoys, clock.now()))
        log.warn({ agent: agentName, ...presented }, 'a decoy was presented')
      const refused = count(found.message.agentId, refusals)
      return { kind: 'ok', message: withRefused(create(ExportLogsServiceResponseSchema), refused) }
    },

    receiveMetrics: async (request, caller) => {
      const found = await findSender(caller)
      if (found.kind === 'refused') return found
      const metrics = request.resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap((scope) => scope.metrics),
      )
      const { rows, refused } = await judge(found.message, (sender) => readMinutes(metrics, sender, clock.now()))
      await store.addMinutes(rows)
      count(found.message.agentId, refused === 0 ? new Map() : new Map([['points that do not fit', refused]]))
      return { kind: 'ok', message: withRefused(create(ExportMetricsServiceResponseSchema), refused) }
    },

    [Symbol.asyncDispose]: () => janitor[Symbol.asyncDispose](),
  }
}

interface LogsRead {
  readonly rows: readonly DecisionRow[]
  readonly uses: readonly CredentialUse[]
  readonly decoys: readonly DecoyUse[]
  /** Why to how many. */
  readonly refusals: ReadonlyMap<string, number>
  readonly refused: number
}

/** Events of kinds that are not known here are passed over. */
function readLogs(logs: readonly LogRecord[], sender: Sender, nowMs: number): LogsRead {
  const rows: DecisionRow[] = []
  const uses: CredentialUse[] = []
  const decoys: DecoyUse[] = []
  const refusals = new Map<string, number>()
  let refused = 0
  for (const record of logs) {
    for (const read of [
      readRecord(record, sender, nowMs),
      readUses(record, sender, nowMs),
      readDecoy(record, sender, nowMs),
    ]) {
      if (read.kind === 'row') rows.push(read.row)
      else if (read.kind === 'uses') uses.push(...read.uses)
      else if (read.kind === 'decoy') decoys.push(read.decoy)
      else if (read.kind === 'refused') {
        refused += 1
        refusals.set(read.why, (refusals.get(read.why) ?? 0) + 1)
      }
    }
  }
  return { rows, uses, decoys, refusals, refused }
}

/**
 * Adds `partial_success` (field 1: rejected count 1, message 2), which our subset of OTLP does not declare, in the
 * form in which protobuf-es carries fields that it does not know.
 */
function withRefused<T extends ExportLogsServiceResponse | ExportMetricsServiceResponse>(
  message: T,
  refused: number,
): T {
  if (refused === 0) return message
  const partial = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(refused)
    .tag(2, WireType.LengthDelimited)
    .string('they do not fit: the log of the control plane says why')
    .finish()
  message.$unknown = [{ no: 1, wireType: WireType.LengthDelimited, data: new BinaryWriter().bytes(partial).finish() }]
  return message
}
