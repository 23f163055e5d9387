/**
 * A receiver of telemetry for tests: real OTLP over gRPC.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { credentials, Server, ServerCredentials, status } from '@grpc/grpc-js'
import {
  type ExportLogsServiceRequest,
  ExportLogsServiceResponseSchema,
  type ExportMetricsServiceRequest,
  ExportMetricsServiceResponseSchema,
  type Implementation,
  LogsService,
  MetricsService,
  serviceDefinition,
} from '@headgate/proto'
import type { ControlLink } from '#agent/telemetry/exporters.ts'

export interface TestReceiver extends AsyncDisposable {
  readonly logs: ExportLogsServiceRequest[]
  readonly metrics: ExportMetricsServiceRequest[]
  readonly port: number
  /** Answers that it is away. */
  down: boolean
}

/** Takes what agents send over gRPC, as a control plane or a collector does. */
export async function startGrpc(serverCredentials: ServerCredentials): Promise<TestReceiver> {
  const state = { logs: [] as ExportLogsServiceRequest[], metrics: [] as ExportMetricsServiceRequest[], down: false }
  const server = new Server()
  const away = { code: status.UNAVAILABLE, details: 'away' }
  const logs: Implementation<typeof LogsService> = {
    export: (call, done) => {
      if (state.down) return done(away)
      state.logs.push(call.request)
      done(null, create(ExportLogsServiceResponseSchema))
    },
  }
  const metrics: Implementation<typeof MetricsService> = {
    export: (call, done) => {
      if (state.down) return done(away)
      state.metrics.push(call.request)
      done(null, create(ExportMetricsServiceResponseSchema))
    },
  }
  server.addService(serviceDefinition(LogsService), logs)
  server.addService(serviceDefinition(MetricsService), metrics)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', serverCredentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return Object.assign(state, {
    port,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown()
      await Promise.resolve()
    },
  })
}

export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    if (condition()) return
    await sleep(10)
  }
  assert.fail(`waited in vain for ${what}`)
}

export async function insecureLink(receiver: TestReceiver): Promise<ControlLink> {
  return await Promise.resolve({ address: `127.0.0.1:${receiver.port}`, credentials: credentials.createInsecure() })
}

type LogRecord = ExportLogsServiceRequest['resourceLogs'][number]['scopeLogs'][number]['logRecords'][number]

/** All log records that have arrived. */
export function logRecordsOf({ logs }: TestReceiver): LogRecord[] {
  return logs.flatMap(({ resourceLogs }) =>
    resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
  )
}
