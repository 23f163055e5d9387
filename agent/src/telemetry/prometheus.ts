/**
 * The counters as text for Prometheus.
 *
 * Names are those of OTLP, with `_` for `.` and the suffixes that the OpenTelemetry specification asks for.
 *
 * @module
 */
import { eventMeasures, type Measure } from './measures.ts'
import { DURATION_BOUNDS_S, metricAttributes, metricNames, type Slot } from './metrics.ts'
import type { Gauges } from './points.ts'
import type { Counters } from './totals.ts'

export function prometheusText(slots: Counters, gauges: Gauges): string {
  const lines: string[] = []
  const requests = `${plain(metricNames.requests)}_total`
  lines.push(`# TYPE ${requests} counter`)
  for (const slot of slots.all) lines.push(`${requests}{${slotLabels(slot)}} ${slot.requests}`)

  const duration = `${plain(metricNames.duration)}_seconds`
  lines.push(`# TYPE ${duration} histogram`)
  for (const slot of slots.all) {
    const labels = slotLabels(slot)
    let count = 0
    for (const [index, bound] of [...DURATION_BOUNDS_S, '+Inf'].entries()) {
      count += slot.buckets[index] ?? 0
      lines.push(`${duration}_bucket{${labels},le="${bound}"} ${count}`)
    }
    lines.push(
      `${duration}_sum{${labels}} ${slot.durationMsSum / 1000}`,
      `${duration}_count{${labels}} ${slot.requests}`,
    )
  }

  const malformed = `${plain(metricNames.malformed)}_total`
  lines.push(`# TYPE ${malformed} counter`)
  for (const [reason, count] of slots.malformed)
    lines.push(`${malformed}{${label(metricAttributes.reason, reason)}} ${count}`)

  const dropped = `${plain(metricNames.dropped)}_total`
  lines.push(`# TYPE ${dropped} counter`)
  for (const { receiver, kind, count } of gauges.dropped) {
    lines.push(
      `${dropped}{${label(metricAttributes.receiver, receiver)},${label(metricAttributes.kind, kind)}} ${count}`,
    )
  }

  const release = plain(metricNames.release)
  lines.push(`# TYPE ${release} gauge`)
  for (const { environmentId, number } of gauges.releases) {
    lines.push(`${release}{${label(metricAttributes.environmentId, environmentId)}} ${number}`)
  }

  for (const [name, counts] of [
    [plain(metricNames.certificatesUnusable), gauges.certificatesUnusable],
    [plain(metricNames.certificatesOutdated), gauges.certificatesOutdated],
  ] as const) {
    lines.push(`# TYPE ${name} gauge`)
    for (const { environmentId, count } of counts) {
      lines.push(`${name}{${label(metricAttributes.environmentId, environmentId)}} ${count}`)
    }
  }

  const addresses = plain(metricNames.targetAddresses)
  lines.push(`# TYPE ${addresses} gauge`)
  for (const each of gauges.targetAddresses) {
    lines.push(`${addresses}{${targetLabels(each)},${label(metricAttributes.health, each.health)}} ${each.count}`)
  }
  const inFlight = plain(metricNames.targetRequests)
  lines.push(`# TYPE ${inFlight} gauge`)
  for (const each of gauges.targetRequests) lines.push(`${inFlight}{${targetLabels(each)}} ${each.count}`)

  for (const measure of [...gauges.measures, ...eventMeasures(slots.events)]) lines.push(...measureLines(measure))

  const connections = plain(metricNames.connections)
  lines.push(`# TYPE ${connections} gauge`, `${connections} ${gauges.connections}`)
  return `${lines.join('\n')}\n`
}

function measureLines({ name, unit, kind, points }: Measure): readonly string[] {
  const full = `${plain(name)}${unit === 's' ? '_seconds' : ''}${kind === 'sum' ? '_total' : ''}`
  return [
    `# TYPE ${full} ${kind === 'sum' ? 'counter' : 'gauge'}`,
    ...points.map(({ attributes, value }) => {
      const labels = Object.entries(attributes).map(([attribute, text]) => label(attribute, text))
      return `${full}${labels.length > 0 ? `{${labels.join(',')}}` : ''} ${value}`
    }),
  ]
}

function targetLabels({ environmentId, service, target }: Gauges['targetRequests'][number]): string {
  return [
    label(metricAttributes.environmentId, environmentId),
    label(metricAttributes.service, service),
    label(metricAttributes.target, target),
  ].join(',')
}

function slotLabels({ environmentId, route, reason, statusClass }: Slot): string {
  return [
    label(metricAttributes.environmentId, environmentId),
    label(metricAttributes.route, route),
    label(metricAttributes.reason, reason),
    label(metricAttributes.statusClass, String(statusClass)),
  ].join(',')
}

function label(name: string, value: string): string {
  return `${plain(name)}="${value.replaceAll(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`
}

function plain(name: string): string {
  return name.replaceAll('.', '_')
}
