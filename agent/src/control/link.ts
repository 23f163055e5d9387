/**
 * Connections to the control plane: trust in one authority, whatever the address says.
 *
 * The control plane proves itself by a certificate of the agent authority for one fixed name, so it can be reached by
 * any address, through any balancer, and be moved. An agent's own certificate is only good for a client: no agent can
 * stand in for the control plane.
 *
 * @module
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
} from '@grpc/grpc-js'
import { certificatePin, pem } from '@headgate/kit/pki.ts'
import {
  FleetService,
  type ServiceClient,
  type SubscribeRequest,
  SubscribeRequestSchema,
  createServiceClient,
} from '@headgate/proto'
import { type DetailedPeerCertificate, type TLSSocket, connect } from 'node:tls'
import { toBinary } from '@bufbuild/protobuf'
import type { Identity } from './identity.ts'
import { type Push, readPush } from './push.ts'

/** The name in the control plane's certificate. */
const SERVER_NAME = 'control-plane.headgate.internal'

/** Largest push, in bytes: a whole directory. */
const MESSAGE_BYTES_MAX = 256 * 1024 * 1024

/** Longest wait for the chain of an unknown server, in milliseconds. */
const CHAIN_MS_MAX = 10_000

/** Longest chain that is walked. */
const CHAIN_MAX = 5

/** The way to the control plane, with this agent's identity. Also for the exporters of telemetry. */
export interface Link {
  /** `host:port`. */
  readonly address: string
  /** They check the name of the control plane by themselves, whatever the address is. */
  readonly credentials: ChannelCredentials
}

export type FleetClient = ServiceClient<typeof FleetService>

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  // Every attempt is its own connection: a pooled one would go on with an old certificate, and with its own backoff.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
}

export function linkOf({ address, caCertificate, certificate, privateKey }: Identity): Link {
  const proof = credentials.createSsl(
    Buffer.from(pem('CERTIFICATE', caCertificate)),
    Buffer.from(pem('PRIVATE KEY', privateKey)),
    Buffer.from(pem('CERTIFICATE', certificate)),
  )
  return { address, credentials: forServerName(proof) }
}

export function fleetClient({ address, credentials: proof }: Link): FleetClient {
  return createServiceClient(FleetService, address, proof, CHANNEL_OPTIONS)
}

/** One stream to the control plane, and what ends its connection. */
export interface PushStream {
  readonly stream: ClientDuplexStream<SubscribeRequest, Push>
  close(): void
}

export function subscribeStream({ address, credentials: proof }: Link): PushStream {
  const client = new Client(address, proof, CHANNEL_OPTIONS)
  const path = `/${FleetService.typeName}/${FleetService.method.subscribe.name}`
  const serialize = (request: SubscribeRequest): Buffer => Buffer.from(toBinary(SubscribeRequestSchema, request))
  const stream = client.makeBidiStreamRequest(path, serialize, readPush, new Metadata(), {})
  return { stream, close: () => client.close() }
}

/** A client that proves nothing yet, for a server that proves itself by this authority. */
export function enrollmentClient(address: string, caCertificate: Uint8Array): FleetClient {
  const trust = credentials.createSsl(Buffer.from(pem('CERTIFICATE', caCertificate)))
  return createServiceClient(FleetService, address, forServerName(trust), CHANNEL_OPTIONS)
}

/**
 * Makes credentials check one name instead of the host of the address.
 *
 * grpc-js has a channel option for it, and exporters of OpenTelemetry take no channel options. Without it an address
 * in numbers cannot be used at all: Node refuses it as a TLS server name.
 */
function forServerName(base: ChannelCredentials): ChannelCredentials {
  const createSecureConnector = base._createSecureConnector.bind(base)
  base._createSecureConnector = (target, options, callCredentials) =>
    createSecureConnector(target, { ...options, 'grpc.ssl_target_name_override': SERVER_NAME }, callCredentials)
  return base
}

/**
 * Finds the certificate with a hash in the chain that a server presents.
 *
 * Nothing is sent and nothing is believed on this connection: the certificate that is found is only trusted because
 * its hash is the one in the join token, and the next connection verifies the server against it.
 *
 * @param address `host:port`.
 * @param pin SHA-256 of the authority's certificate.
 * @returns null when the server presents no such certificate: it is not ours.
 */
export async function fetchAuthority(
  address: string,
  pin: Buffer,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  const socket = connect({
    host,
    port: Number(address.slice(colon + 1)),
    servername: SERVER_NAME,
    ALPNProtocols: ['h2'],
    // Judged below, by the hash.
    rejectUnauthorized: false,
  })
  try {
    await secured(socket, AbortSignal.any([signal, AbortSignal.timeout(CHAIN_MS_MAX)]))
    let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
    for (let depth = 0; at?.raw !== undefined && depth < CHAIN_MAX; depth += 1) {
      if (pin.equals(certificatePin(at.raw))) return new Uint8Array(at.raw)
      at = at.issuerCertificate === at ? undefined : at.issuerCertificate
    }
    return null
  } finally {
    socket.destroy()
  }
}

function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the server closed the connection')))
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true })
  })
}
