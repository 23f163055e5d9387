/**
 * The contract between control plane and agents: generated messages and the typed mapping of their
 * services to `@grpc/grpc-js`.
 *
 * @module
 */
export * from './gen/headgate/fleet/v1/snapshot_pb.ts'
export * from './gen/headgate/fleet/v1/directory_pb.ts'
export * from './gen/headgate/fleet/v1/fleet_pb.ts'
export * from './grpc.ts'
export * from './gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts'
export * from './gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts'
