/**
 * First stage of `compile`: from what arrived to objects whose kind, name and spec are known to be good.
 *
 * @module
 */
import type { ObjectInput, ReleaseInput } from '#core/compile.ts'
import { objectName } from '#core/kinds/common.ts'
import { isKind, kindNames, type Kind } from '#core/kinds/index.ts'
import { shown, type FindingList, type Subject } from './findings.ts'
import { checkSpec, type Specs } from './spec.ts'

/** Objects of one release. A release is read into memory several times over; more than this is a mistake. */
export const OBJECTS_MAX = 200_000

/** An object that its schema accepted. */
export interface ReadObject<K extends Kind> {
  readonly name: string
  readonly spec: Specs[K]
  /** For findings. */
  readonly subject: Subject
}

/** All objects of a release, by kind. */
export interface ReadObjects {
  readonly byKind: { readonly [K in Kind]: readonly ReadObject<K>[] }
  /** Whether an object was declared, good or bad: a bad one is reported once, not again by all that refer to it. */
  declares(kind: Kind, name: string): boolean
}

/** Reads everything that can be read; what cannot is in `findings`. */
export function readObjects(input: ReleaseInput, findings: FindingList): ReadObjects {
  const byKind: { [K in Kind]: ReadObject<K>[] } = {
    service: [],
    route: [],
    policy: [],
    issuer: [],
    role: [],
    certificate: [],
    settings: [],
  }
  const declared = new Map<string, string>()
  for (const object of objectsOf(input, findings)) {
    const subject = { object: shown(`${object.kind}/${object.name}`), origin: object.origin }
    if (!isKind(object.kind)) {
      const message = `The kind ${JSON.stringify(shown(object.kind))} does not exist`
      findings.error(subject, { code: 'kind_unknown', message, fix: `Use ${kindNames.join(', ')}` })
      continue
    }
    const id = `${object.kind}/${object.name}`
    const first = declared.get(id)
    if (first !== undefined) {
      const message = `${subject.object} is there twice${first === '' ? '' : ` (first at ${first})`}`
      findings.error(subject, { code: 'object_duplicate', message, fix: 'Rename or remove one of them' })
      continue
    }
    declared.set(id, object.origin)
    readObject(object.kind, object, subject, byKind, findings)
  }
  return { byKind, declares: (kind, name) => declared.has(`${kind}/${name}`) }
}

function readObject<K extends Kind>(
  kind: K,
  object: ObjectInput,
  subject: Subject,
  byKind: { [K in Kind]: ReadObject<K>[] },
  findings: FindingList,
): void {
  const goodName = objectName.safeParse(object.name).success
  if (!goodName) {
    const fix = 'Use 1-63 of a-z, 0-9, ".", "_", "-"; start and end with a letter or digit'
    findings.error(subject, { code: 'name_invalid', message: 'The name is not allowed', fix })
  }
  const checked = checkSpec(kind, object.spec)
  if (checked.kind === 'invalid') for (const problem of checked.problems) findings.error(subject, problem)
  else if (goodName) byKind[kind].push({ name: object.name, spec: checked.spec, subject })
}

/** The objects that have the fields of one; reports the others, and a release that is not one. */
function objectsOf(input: unknown, findings: FindingList): readonly ObjectInput[] {
  const release = { object: 'release', origin: '' }
  const report = (pointer: string, message: string, fix: string): void =>
    findings.error(release, { code: 'release_invalid', pointer, message, fix })
  if (!isRecord(input)) {
    report('', 'The release is not an object', 'Give tenant, environment, number and objects')
    return []
  }
  if (typeof input['tenant'] !== 'string' || input['tenant'] === '') {
    report('/tenant', 'The tenant has no name', 'Give its name')
  }
  if (!objectName.safeParse(input['environment']).success) {
    report('/environment', 'The name of the environment is not allowed', 'Use 1-63 of a-z, 0-9, ".", "_", "-"')
  }
  if (!Number.isSafeInteger(input['number']) || Number(input['number']) < 1) {
    report('/number', 'The number is not a whole number from 1 on', 'Give the number of the release')
  }
  const objects = input['objects']
  if (!Array.isArray(objects)) {
    report('/objects', 'The objects are not a list', 'Give a list, empty if need be')
    return []
  }
  if (objects.length > OBJECTS_MAX) {
    report('/objects', `There are more than ${OBJECTS_MAX} objects`, 'Split the environment')
    return []
  }
  // A loop by index: `filter` and `for of` would skip or stumble over what is not a dense list of plain values.
  const good: ObjectInput[] = []
  for (let index = 0; index < objects.length; index++) {
    const object: unknown = objects[index]
    if (isObjectInput(object)) good.push(object)
    else report(`/objects/${index}`, 'This is not an object with kind, name, spec and origin', 'Give all four')
  }
  return good
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isObjectInput(value: unknown): value is ObjectInput {
  return (
    isRecord(value) &&
    typeof value['kind'] === 'string' &&
    typeof value['name'] === 'string' &&
    typeof value['origin'] === 'string'
  )
}
