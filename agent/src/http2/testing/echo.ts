/**
 * A gRPC service for tests, and a client of it. Messages are bytes as they are.
 *
 * @module
 */
import * as grpc from '@grpc/grpc-js'

const same = (bytes: Buffer): Buffer => bytes

function method(name: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}

const methods = {
  unary: method('Unary', false, false),
  fail: method('Fail', false, false),
  hang: method('Hang', false, false),
  serverStream: method('ServerStream', false, true),
  clientStream: method('ClientStream', true, false),
  bidi: method('Bidi', true, true),
}

type Answer = (error: grpc.ServiceError | null, response?: Buffer) => void

interface UnaryMethod {
  (message: Buffer, answer: Answer): grpc.ClientUnaryCall
  (message: Buffer, metadata: grpc.Metadata, options: grpc.CallOptions, answer: Answer): grpc.ClientUnaryCall
}

export interface EchoClient extends grpc.Client {
  readonly unary: UnaryMethod
  readonly fail: UnaryMethod
  readonly hang: UnaryMethod
  serverStream(message: Buffer): grpc.ClientReadableStream<Buffer>
  clientStream(answer: Answer): grpc.ClientWritableStream<Buffer>
  bidi(metadata?: grpc.Metadata): grpc.ClientDuplexStream<Buffer, Buffer>
}

/** How a call ended. */
export interface Reply {
  readonly code: grpc.status
  readonly details: string
  readonly value: string
  readonly trailers: Readonly<Record<string, grpc.MetadataValue>>
}

export const Echo = grpc.makeGenericClientConstructor(methods, 'Echo') as unknown as new (
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ChannelOptions,
) => EchoClient

export interface EchoService {
  readonly port: number
  /** Of unary calls, in milliseconds of the clock. */
  readonly deadlines: readonly number[]
  /** When calls were let go, in milliseconds of `performance`. */
  readonly cancelled: readonly number[]
  stop(): void
}

/** @param pair null: clear text. */
export async function startEcho(
  pair: grpc.KeyCertPair | { cert_chain: string; private_key: string } | null,
): Promise<EchoService> {
  const server = new grpc.Server()
  const deadlines: number[] = []
  const cancelled: number[] = []
  const implementation: grpc.UntypedServiceImplementation = {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      deadlines.push(Number(call.getDeadline()))
      const trailers = new grpc.Metadata()
      trailers.set('x-trailer', 'behind')
      answer(null, call.request, trailers)
    },
    fail: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      answer({ code: grpc.status.FAILED_PRECONDITION, details: 'not so: ü' })
    },
    hang: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => {
      call.on('cancelled', () => cancelled.push(performance.now()))
    },
    serverStream: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let index = 0; index < Number(call.request); index++) call.write(Buffer.from(String(index)))
      call.end()
    },
    clientStream: (call: grpc.ServerReadableStream<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      let bytes = 0
      call.on('data', (message: Buffer) => (bytes += message.length))
      call.on('end', () => answer(null, Buffer.from(String(bytes))))
    },
    bidi: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => call.write(message))
      call.on('end', () => call.end())
    },
  }
  server.addService(methods, implementation)
  const credentials =
    pair === null
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(pair.cert_chain), private_key: Buffer.from(pair.private_key) },
        ])
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('localhost:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { port, deadlines, cancelled, stop: () => server.forceShutdown() }
}
