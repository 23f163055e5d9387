/**
 * The OTLP exporters of one receiver, over gRPC or HTTP.
 *
 * @module
 */
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { OTLPLogExporter as GrpcLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc'
import { OTLPLogExporter as HttpLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter as GrpcMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as HttpMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import type { LogRecordExporter } from '@opentelemetry/sdk-logs'
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'

/** A pair that speaks to one receiver. */
export interface Exporters {
  readonly logs: LogRecordExporter
  readonly metrics: PushMetricExporter
}

/** How the control plane is reached with the agent's own identity. */
export interface ControlLink {
  /** `host:port`. */
  readonly address: string
  /** TLS with the agent's certificate, pinned to the agent CA. */
  readonly credentials: ChannelCredentials
}

/** Longest time for one send, in milliseconds: what failed is tried again by us. */
const SEND_MS_MAX = 5_000

/** Over gRPC with mutual TLS. */
export function controlPlaneExporters(link: ControlLink): Exporters {
  const options = { url: `https://${link.address}`, credentials: link.credentials, timeoutMillis: SEND_MS_MAX }
  return { logs: new GrpcLogExporter(options), metrics: new GrpcMetricExporter(options) }
}

/** To an operator's own collector. `https` verifies its certificate against the system's authorities. */
export function collectorExporters(endpoint: string, protocol: 'grpc' | 'http/protobuf'): Exporters {
  if (protocol === 'grpc') {
    const plain = endpoint.startsWith('http:')
    const options = {
      url: endpoint,
      credentials: plain ? credentials.createInsecure() : credentials.createSsl(),
      timeoutMillis: SEND_MS_MAX,
    }
    return { logs: new GrpcLogExporter(options), metrics: new GrpcMetricExporter(options) }
  }
  const base = endpoint.replace(/\/$/, '')
  return {
    logs: new HttpLogExporter({ url: `${base}/v1/logs`, timeoutMillis: SEND_MS_MAX }),
    metrics: new HttpMetricExporter({ url: `${base}/v1/metrics`, timeoutMillis: SEND_MS_MAX }),
  }
}
