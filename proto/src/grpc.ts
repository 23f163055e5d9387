/**
 * Typed mapping of generated services to `@grpc/grpc-js`.
 *
 * No library maps protobuf-es services to grpc-js; this is the whole of it. Messages cross as the plain
 * objects that protobuf-es generates, so handlers and callers share one type.
 *
 * @module
 */
import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type CallOptions,
  type ClientDuplexStream,
  type ClientUnaryCall,
  type Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  makeGenericClientConstructor,
} from '@grpc/grpc-js'

type AnyMethod = MethodDefinition<unknown, unknown>

function codec(message: DescMessage) {
  return {
    serialize: (value: unknown): Buffer => {
      const bytes = toBinary(message, value as MessageShape<DescMessage>)
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    },
    deserialize: (bytes: Buffer): unknown => fromBinary(message, bytes),
  }
}

function methodDefinition(method: DescMethod): AnyMethod {
  const input = codec(method.input)
  const output = codec(method.output)
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: input.serialize,
    requestDeserialize: input.deserialize,
    responseSerialize: output.serialize,
    responseDeserialize: output.deserialize,
  }
}

/** What `Server.addService` and a client constructor need to know about a service. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]))
}

type Input<M> = M extends { input: infer I extends DescMessage } ? MessageShape<I> : never
type Output<M> = M extends { output: infer O extends DescMessage } ? MessageShape<O> : never

type Handler<M> = M extends { methodKind: 'unary' }
  ? handleUnaryCall<Input<M>, Output<M>>
  : M extends { methodKind: 'bidi_streaming' }
    ? handleBidiStreamingCall<Input<M>, Output<M>>
    : never

/** The handlers of a service, for `server.addService(serviceDefinition(S), handlers)`. */
export type Implementation<S> =
  S extends GenService<infer Methods extends GenServiceMethods> ? { [K in keyof Methods]: Handler<Methods[K]> } : never

type Caller<M> = M extends { methodKind: 'unary' }
  ? (
      request: Input<M>,
      metadata: Metadata,
      options: CallOptions,
      callback: (error: ServiceError | null, response?: Output<M>) => void,
    ) => ClientUnaryCall
  : M extends { methodKind: 'bidi_streaming' }
    ? (metadata: Metadata, options: CallOptions) => ClientDuplexStream<Input<M>, Output<M>>
    : never

/** The calls of a service. Every call takes options, so that no call goes out without a deadline by oversight. */
export type ServiceClient<S> =
  S extends GenService<infer Methods extends GenServiceMethods>
    ? { [K in keyof Methods]: Caller<Methods[K]> } & { close(): void }
    : never

type ClientConstructor = ReturnType<typeof makeGenericClientConstructor>

/**
 * A client for a service.
 *
 * @param address `host:port`.
 */
export function createServiceClient<S extends DescService>(
  service: S,
  address: string,
  credentials: ConstructorParameters<ClientConstructor>[1],
  options?: ConstructorParameters<ClientConstructor>[2],
): ServiceClient<S> {
  const Client = makeGenericClientConstructor(serviceDefinition(service), service.name)
  return new Client(address, credentials, options) as unknown as ServiceClient<S>
}
