/**
 * What differs between two configurations, object by object and field by field.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import { printable, type Style } from './style.ts'

export type Change = Answer<'applyObjects'>['changes'][number]

/** Longest value that is shown beside a field, in characters. */
const VALUE_LENGTH_MAX = 80

/** One line per object, and one per changed field below it. */
export function renderChanges(changes: readonly Change[], style: Style): string {
  return changes.map((change) => renderChange(change, style)).join('')
}

function renderChange({ change, kind, name, before, after, pointers }: Change, style: Style): string {
  const id = printable(`${kind}/${name}`)
  switch (change) {
    case 'added':
      return `${style.good(`+ ${id}`)}\n`
    case 'removed':
      return `${style.bad(`- ${id}`)}\n`
    case 'changed': {
      const fields = pointers.map((pointer) => {
        const old = show(at(before, pointer))
        const next = show(at(after, pointer))
        return `    ${printable(pointer)}  ${style.bad(old)} -> ${style.good(next)}\n`
      })
      return `${style.warn(`~ ${id}`)}\n${fields.join('')}`
    }
  }
}

function at(value: unknown, pointer: string): unknown {
  let current = value
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined
    current = (current as Record<string, unknown>)[key]
  }
  return current
}

function show(value: unknown): string {
  if (value === undefined) return '(absent)'
  const text = JSON.stringify(value)
  return printable(text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}...`)
}

/** Such as `2 added, 1 changed`. */
export function countChanges(changes: readonly Change[]): string {
  const words = (['added', 'changed', 'removed'] as const).flatMap((kind) => {
    const count = changes.filter((change) => change.change === kind).length
    return count === 0 ? [] : [`${count} ${kind}`]
  })
  return words.join(', ') || 'no change'
}
