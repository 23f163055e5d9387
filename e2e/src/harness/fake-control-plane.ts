/**
 * A control plane that means harm: real gRPC over mTLS, with an authority and a signing key of its own, which an agent
 * has joined by a real token. It sends whatever a test gives it.
 *
 * The forms come from the contract in `proto` alone: join token, snapshot and signature are built here anew, so that a
 * mistake in the product's own code cannot hide itself.
 *
 * @module
 */
import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import { newId } from '@headgate/kit/ids.ts'
import {
  type KeyedCertificate,
  certificatePin,
  createAuthority,
  issueClientCertificate,
  issueServerCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import {
  EnrollResponseSchema,
  FleetService,
  type Hello,
  type Implementation,
  type Outcome,
  type SignedSnapshot,
  SignedSnapshotSchema,
  SnapshotSchema,
  type SubscribeRequest,
  type SubscribeResponse,
  SubscribeResponseSchema,
  serviceDefinition,
} from '@headgate/proto'
import { createHash, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto'

/** An agent that hears nothing for 15 s connects anew. */
const PING_MS = 3_000

const LIFE_MS = 3_600_000

const TENANT_ID = newId('ten', Date.now())

type Message = NonNullable<MessageInitShape<typeof SubscribeResponseSchema>['message']>
type Stream = ServerDuplexStream<SubscribeRequest, SubscribeResponse>

/** A key that signs snapshots. */
export interface Signer {
  readonly keyId: string
  readonly publicKey: Uint8Array<ArrayBuffer>
  sign(snapshot: Uint8Array): SignedSnapshot
}

export interface FakeControlPlane extends AsyncDisposable {
  /** Text of a join token; works as often as it is used. */
  readonly joinToken: string
  /** The key that agents accept. */
  readonly signer: Signer
  /** First messages of all streams, in order. */
  readonly hellos: readonly Hello[]
  /** Whether an agent is connected. */
  readonly connected: boolean
  /** Sends a message and waits for its outcome. */
  push(message: Message): Promise<Outcome>
}

export function createSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  const keyId = `sig_${createHash('sha256').update(raw).digest('hex').slice(0, 16)}`
  return {
    keyId,
    publicKey: raw,
    sign(snapshot) {
      const signature = signBytes(null, Buffer.concat([Buffer.from('headgate snapshot v1\0'), snapshot]), privateKey)
      return create(SignedSnapshotSchema, {
        snapshot: new Uint8Array(snapshot),
        signature: new Uint8Array(signature),
        keyId,
      })
    },
  }
}

/** Bytes of a snapshot, with the fields of a usual one where none are given. */
export function snapshotBytes(fields: MessageInitShape<typeof SnapshotSchema>): Uint8Array<ArrayBuffer> {
  const usual = {
    tenantId: TENANT_ID,
    tenant: 'acme',
    environment: 'shop',
    number: 1n,
    publishedAtMs: BigInt(Date.now()),
    capabilityMin: 1,
  }
  return toBinary(SnapshotSchema, create(SnapshotSchema, { ...usual, ...fields }))
}

/** One object of a snapshot. Its JSON is taken as it is, canonical or not. */
export function snapshotObject(kind: string, name: string, spec: unknown) {
  return { kind, name, spec: new Uint8Array(Buffer.from(JSON.stringify(sorted(spec)))), origin: '' }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]))
}

export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const authority = await createAuthority({ name: 'fake agent authority', nowMs: Date.now(), lifeMs: LIFE_MS })
  const signer = createSigner()
  const hellos: Hello[] = []
  const waiting = new Map<bigint, (outcome: Outcome) => void>()
  let stream: Stream | undefined
  let pushId = 0n

  const send = (message: Message): bigint => {
    pushId += 1n
    stream?.write(create(SubscribeResponseSchema, { pushId, message }))
    return pushId
  }
  const service: Implementation<typeof FleetService> = {
    enroll: (call, callback) => {
      enroll(authority, signer, call.request.certificateRequest).then(
        (response) => callback(null, response),
        (thrown: unknown) => callback({ code: status.INVALID_ARGUMENT, details: String(thrown) }),
      )
    },
    renew: (_, callback) => callback({ code: status.UNIMPLEMENTED, details: 'not here' }),
    subscribe: (call) => {
      if (call.getAuthContext().sslPeerCertificate === undefined) {
        call.emit('error', { code: status.UNAUTHENTICATED, details: 'no client certificate' })
        return
      }
      stream = call
      pushId = 0n
      call.on('data', ({ message }: SubscribeRequest) => {
        if (message.case === 'hello') hellos.push(message.value)
        if (message.case === 'outcome') waiting.get(message.value.pushId)?.(message.value)
      })
      const gone = (): void => {
        if (stream === call) stream = undefined
      }
      call.on('end', () => {
        gone()
        call.end()
      })
      call.on('close', gone)
      call.on('error', gone)
      call.on('cancelled', gone)
    },
  }
  const server = new Server()
  server.addService(serviceDefinition(FleetService), service)
  const port = await bind(server, await credentials(authority))
  const ping = setInterval(() => send({ case: 'ping', value: { sentAtMs: BigInt(Date.now()) } }), PING_MS)
  return {
    joinToken: joinToken(`127.0.0.1:${port}`, certificatePin(authority.certificate)),
    signer,
    hellos,
    get connected() {
      return stream !== undefined
    },
    push(message) {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
      if (stream === undefined) return Promise.reject(new Error('no agent is connected'))
      const id = send(message)
      const timer = setTimeout(() => reject(new Error(`no outcome for ${message.case} within 5 s`)), 5_000)
      waiting.set(id, (outcome) => {
        clearTimeout(timer)
        waiting.delete(id)
        resolve(outcome)
      })
      return promise
    },
    async [Symbol.asyncDispose]() {
      clearInterval(ping)
      server.forceShutdown()
    },
  }
}

async function enroll(authority: KeyedCertificate, signer: Signer, request: Uint8Array) {
  const read = await readCertificateRequest(request)
  if (read.kind === 'invalid') throw new Error(read.problem)
  const agentId = newId('agt', Date.now())
  const certificate = await issueClientCertificate(authority, {
    publicKey: read.publicKey,
    uri: `spiffe://headgate/agent/${agentId}`,
    nowMs: Date.now(),
    lifeMs: LIFE_MS,
  })
  return create(EnrollResponseSchema, {
    agentId,
    agentName: 'victim',
    agentGroup: 'fake',
    certificate,
    caCertificate: authority.certificate,
    signingKeys: [{ keyId: signer.keyId, publicKey: signer.publicKey }],
  })
}

async function credentials(authority: KeyedCertificate): Promise<ServerCredentials> {
  const own = await issueServerCertificate(authority, {
    // The name that agents ask for at any address; part of the contract like the form of the join token.
    hosts: ['control-plane.headgate.internal'],
    nowMs: Date.now(),
    lifeMs: LIFE_MS,
  })
  const chain = Buffer.from(pem('CERTIFICATE', own.certificate) + pem('CERTIFICATE', authority.certificate))
  const pair = { cert_chain: chain, private_key: Buffer.from(pem('PRIVATE KEY', own.privateKey)) }
  const created = ServerCredentials.createSsl(Buffer.from(pem('CERTIFICATE', authority.certificate)), [pair])
  // A certificate is asked for, and its absence is no error yet: whoever enrolls has none.
  Object.assign(created._getConstructorOptions() ?? {}, { requestCert: true, rejectUnauthorized: false })
  return created
}

function bind(server: Server, given: ServerCredentials): Promise<number> {
  return new Promise((settle, reject) => {
    server.bindAsync('127.0.0.1:0', given, (error, port) => (error === null ? settle(port) : reject(error)))
  })
}

function joinToken(address: string, pin: Uint8Array): string {
  const body = Buffer.concat([Uint8Array.of(1), pin, randomBytes(32), Buffer.from(address, 'ascii')])
  const checksum = createHash('sha256').update(body).digest().subarray(0, 4)
  return `hgj_${Buffer.concat([body, checksum]).toString('base64url')}`
}
