/**
 * Turns an expression in CEL into a function, or says what is wrong with it.
 *
 * Everything is checked when the expression is written: names, functions, patterns, and what it can cost. What is run per
 * request is a tree of closures over values of JSON: no parsing, no types to find out, no regular expressions that can
 * backtrack. A part of CEL that is not supported is refused here; it is never ignored.
 *
 * Sources: Common Expression Language specification; RE2 for `matches`.
 *
 * @module
 */
import { parse } from '@bufbuild/cel'
import type { Expr, Expr_Comprehension } from '@bufbuild/cel-spec/cel/expr/syntax_pb.js'
import { RE2JS } from '@bufbuild/re2'
import { EXPRESSION_LENGTH_MAX } from './bounds.ts'
import { at, compare, contains, equal, ERROR, isList, isMap, size, type Value } from './values.ts'

/** Parts of one expression. */
const PARTS_MAX = 256
/** Loops inside loops. */
const LOOPS_MAX = 2
/** Longest pattern, in characters. */
const PATTERN_LENGTH_MAX = 256
/** Steps of all loops of one evaluation. */
const STEPS_MAX = 2_000

/** What an expression can name, from the outside in. `null`: anything below it. */
export const expressionNames = {
  request: ['method', 'host', 'path', 'query', 'scheme', 'address', 'headers'],
  principal: ['consumer', 'credential_kind', 'scopes', 'roles'],
  claims: null,
} as const

export type Root = keyof typeof expressionNames

/** What an expression is evaluated over. */
export type Bindings = { readonly [name in Root]: { readonly [name: string]: Value } }

/** True, false, or that it could not be said, which is a refusal. */
export type Evaluated = boolean | 'failed'

export type CompiledExpression =
  | {
      readonly kind: 'expression'
      readonly evaluate: (bindings: Bindings) => Evaluated
      /** Header fields that it looks at; lower case. */
      readonly headers: readonly string[]
      /** What of the bindings it looks at, each once. */
      readonly roots: readonly Root[]
    }
  | { readonly kind: 'invalid'; readonly why: string }

interface State {
  readonly bindings: Bindings
  /** Values of the variables of loops. */
  readonly locals: Value[]
  steps: number
}

type Node = (state: State) => Value

class Unsupported extends Error {}

/** Never throws. The same text always gives the same. */
export function compileExpression(text: string): CompiledExpression {
  if (text.length > EXPRESSION_LENGTH_MAX) return invalid(`it is longer than ${EXPRESSION_LENGTH_MAX} characters`)
  try {
    const compiler = new Compiler()
    const node = compiler.node(parse(text).expr)
    return {
      kind: 'expression',
      headers: [...compiler.headers],
      roots: [...compiler.roots],
      evaluate: (bindings) => {
        const value = node({ bindings, locals: [], steps: 0 })
        return typeof value === 'boolean' ? value : 'failed'
      },
    }
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error))
  }
}

class Compiler {
  #parts = 0
  /** Variables of the loops around, from the outside in. */
  readonly #locals: string[] = []
  #loops = 0
  readonly headers = new Set<string>()
  readonly roots = new Set<Root>()

  node(expression: Expr | undefined): Node {
    this.#parts += 1
    if (this.#parts > PARTS_MAX) throw new Unsupported(`it has more than ${PARTS_MAX} parts`)
    const kind = expression?.exprKind
    switch (kind?.case) {
      case 'constExpr':
        return this.#constant(kind.value.constantKind)
      case 'identExpr':
        return this.#name(kind.value.name)
      case 'selectExpr':
        return this.#select(kind.value.operand, kind.value.field, kind.value.testOnly)
      case 'callExpr':
        return this.#call(kind.value.function, kind.value.target, kind.value.args)
      case 'listExpr': {
        if (kind.value.optionalIndices.length > 0) throw new Unsupported('optional elements are not supported')
        const elements = kind.value.elements.map((element) => this.node(element))
        return (state) => {
          const list = elements.map((element) => element(state))
          return list.includes(ERROR) ? ERROR : list
        }
      }
      case 'comprehensionExpr':
        return this.#loop(kind.value)
      default:
        throw new Unsupported('maps and messages cannot be written here')
    }
  }

  #constant(constant: { readonly case: string | undefined; readonly value?: unknown }): Node {
    switch (constant.case) {
      case 'stringValue':
      case 'boolValue':
      case 'doubleValue': {
        const value = constant.value as Value
        return () => value
      }
      case 'int64Value': {
        const value = Number(constant.value)
        if (!Number.isSafeInteger(value)) throw new Unsupported(`the number ${String(constant.value)} is too big`)
        return () => value
      }
      case 'nullValue':
        return () => null
      default:
        throw new Unsupported('bytes and numbers without a sign are not supported')
    }
  }

  #name(name: string): Node {
    const local = this.#locals.lastIndexOf(name)
    if (local !== -1) return ({ locals }) => locals[local] ?? null
    if (!isRoot(name)) throw new Unsupported(`there is no ${name}: use ${Object.keys(expressionNames).join(', ')}`)
    const names: readonly string[] | null = expressionNames[name]
    // As a whole they would show what nobody named, such as header fields, and misspelled names would be found too late.
    if (names !== null) throw new Unsupported(`${name} is no value of its own: use ${name}.${names.join(`, ${name}.`)}`)
    return this.#root(name)
  }

  #root(name: Root): Node {
    this.roots.add(name)
    return ({ bindings }) => bindings[name]
  }

  #select(operand: Expr | undefined, field: string, isTest: boolean): Node {
    if (this.#isHeaders(operand)) return this.#header(field, isTest)
    this.#checkField(operand, field)
    // Which fields are looked at must be known before.
    if (field === 'headers' && this.#isRequest(operand)) {
      throw new Unsupported("a header field is named: request.headers['x-name']")
    }
    const root = this.#rootOf(operand)
    const node = root === null ? this.node(operand) : this.#root(root)
    if (!isTest) return (state) => at(node(state), field)
    return (state) => {
      const value = node(state)
      return isMap(value) ? Object.hasOwn(value, field) : ERROR
    }
  }

  #isRequest(expression: Expr | undefined): boolean {
    return this.#rootOf(expression) === 'request'
  }

  /** The binding that an expression names; null: it is something else, such as the variable of a loop. */
  #rootOf(expression: Expr | undefined): Root | null {
    const kind = expression?.exprKind
    if (kind?.case !== 'identExpr') return null
    const { name } = kind.value
    return isRoot(name) && !this.#locals.includes(name) ? name : null
  }

  #isHeaders(expression: Expr | undefined): boolean {
    const kind = expression?.exprKind
    return kind?.case === 'selectExpr' && kind.value.field === 'headers' && this.#isRequest(kind.value.operand)
  }

  /** A header field, or whether there is one. */
  #header(field: string, isTest: boolean): Node {
    const name = field.toLowerCase()
    if (!/^[a-z0-9-]{1,64}$/.test(name)) throw new Unsupported(`there is no header field ${field}`)
    this.headers.add(name)
    this.roots.add('request')
    return ({ bindings }) => {
      const { headers = ERROR } = bindings.request
      return isTest ? contains(name, headers) : at(headers, name)
    }
  }

  /** A misspelled name would be an error at each request, which is a refusal: better to be told now. */
  #checkField(operand: Expr | undefined, field: string): void {
    const name = this.#rootOf(operand)
    if (name === null) return
    const names: readonly string[] | null = expressionNames[name]
    if (names === null || names.includes(field)) return
    throw new Unsupported(`there is no ${name}.${field}: use ${names.join(', ')}`)
  }

  #call(name: string, target: Expr | undefined, args: readonly Expr[]): Node {
    const [first, second, third] = args
    switch (name) {
      case '_&&_':
        return this.#logic(args, false)
      case '_||_':
        return this.#logic(args, true)
      case '!_': {
        const node = this.node(first)
        return (state) => {
          const value = node(state)
          return typeof value === 'boolean' ? !value : ERROR
        }
      }
      case '_?_:_': {
        const [condition, yes, no] = [this.node(first), this.node(second), this.node(third)]
        return (state) => {
          const value = condition(state)
          return typeof value !== 'boolean' ? ERROR : value ? yes(state) : no(state)
        }
      }
      case '_==_':
        return this.#two(args, equal)
      case '_!=_':
        return this.#two(args, (left, right) => {
          const same = equal(left, right)
          return same === ERROR ? ERROR : !same
        })
      case '_<_':
        return this.#order(args, (order) => order < 0)
      case '_<=_':
        return this.#order(args, (order) => order <= 0)
      case '_>_':
        return this.#order(args, (order) => order > 0)
      case '_>=_':
        return this.#order(args, (order) => order >= 0)
      case '@in': {
        const field = this.#isHeaders(second) ? textOf(first) : null
        return field === null ? this.#two(args, contains) : this.#header(field, true)
      }
      case '_[_]': {
        const field = textOf(second)
        if (field === null) return this.#two(args, at)
        if (this.#isHeaders(first)) return this.#header(field, false)
        return this.#rootOf(first) === null ? this.#two(args, at) : this.#select(first, field, false)
      }
      case 'size': {
        const node = this.node(target ?? first)
        return (state) => size(node(state))
      }
      case 'startsWith':
        return this.#texts(target, args, (text, part) => text.startsWith(part))
      case 'endsWith':
        return this.#texts(target, args, (text, part) => text.endsWith(part))
      case 'contains':
        return this.#texts(target, args, (text, part) => text.includes(part))
      case 'matches':
        return this.#matches(target ?? first, target === undefined ? second : first)
      default:
        throw new Unsupported(`there is no function ${name.replaceAll('_', '').replace('@', '') || name}`)
    }
  }

  /** Both sides in any order: what is known without the other side does not need it. */
  #logic(args: readonly Expr[], decisive: boolean): Node {
    const nodes = args.map((each) => this.node(each))
    return (state) => {
      let failed = false
      for (const node of nodes) {
        const value = node(state)
        if (value === decisive) return decisive
        if (typeof value !== 'boolean') failed = true
      }
      return failed ? ERROR : !decisive
    }
  }

  #two([first, second]: readonly Expr[], operation: (left: Value, right: Value) => Value): Node {
    const [left, right] = [this.node(first), this.node(second)]
    return (state) => {
      const a = left(state)
      return a === ERROR ? ERROR : operation(a, right(state))
    }
  }

  #order(args: readonly Expr[], judge: (order: number) => boolean): Node {
    return this.#two(args, (left, right) => {
      const order = compare(left, right)
      return order === ERROR || Number.isNaN(order) ? ERROR : judge(order)
    })
  }

  #texts(target: Expr | undefined, [part]: readonly Expr[], judge: (text: string, part: string) => boolean): Node {
    if (target === undefined) throw new Unsupported('a function on texts is written behind a text and a dot')
    const [left, right] = [this.node(target), this.node(part)]
    return (state) => {
      const [text, of] = [left(state), right(state)]
      return typeof text === 'string' && typeof of === 'string' ? judge(text, of) : ERROR
    }
  }

  #matches(target: Expr | undefined, pattern: Expr | undefined): Node {
    const kind = pattern?.exprKind
    if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'stringValue') {
      throw new Unsupported('the pattern of matches is written out, not computed')
    }
    const source = kind.value.constantKind.value
    if (source.length > PATTERN_LENGTH_MAX) throw new Unsupported('the pattern of matches is too long')
    const compiled = RE2JS.compile(source)
    const node = this.node(target)
    return (state) => {
      const text = node(state)
      return typeof text === 'string' ? compiled.test(text) : ERROR
    }
  }

  /** `all`, `exists` and the like: a loop over a list, or over the names of an object. */
  #loop(loop: Expr_Comprehension): Node {
    if (loop.iterVar2 !== '') throw new Unsupported('loops with two variables are not supported')
    if (this.#loops >= LOOPS_MAX) throw new Unsupported(`there are more than ${LOOPS_MAX} loops inside each other`)
    const [range, init] = [this.node(loop.iterRange), this.node(loop.accuInit)]
    this.#loops += 1
    const depth = this.#locals.length
    this.#locals.push(loop.iterVar, loop.accuVar)
    const [condition, step, result] = [loop.loopCondition, loop.loopStep, loop.result].map((part) => this.#inLoop(part))
    this.#locals.length = depth
    this.#loops -= 1
    if (condition === undefined || step === undefined || result === undefined)
      throw new Unsupported('a loop is not whole')
    return (state) => {
      const over = range(state)
      const items = isList(over) ? over : isMap(over) ? Object.keys(over) : null
      if (items === null) return ERROR
      const { locals } = state
      let accumulated = init(state)
      for (const item of items) {
        if (++state.steps > STEPS_MAX) return ERROR
        locals[depth] = item
        locals[depth + 1] = accumulated
        if (condition(state) !== true) break
        accumulated = step(state)
      }
      locals[depth + 1] = accumulated
      return result(state)
    }
  }

  /** Parts of loops have two functions of their own. */
  #inLoop(expression: Expr | undefined): Node {
    const kind = expression?.exprKind
    if (kind?.case === 'callExpr' && kind.value.function === '@not_strictly_false') {
      const node = this.node(kind.value.args[0])
      return (state) => node(state) !== false
    }
    if (kind?.case === 'callExpr' && kind.value.function === '_+_') {
      // How `filter` and `map` put a list together.
      const [left, right] = kind.value.args.map((each) => this.#inLoop(each))
      return (state) => {
        const [a, b]: Value[] = [left?.(state) ?? ERROR, right?.(state) ?? ERROR]
        if (a === undefined || b === undefined) return ERROR
        if (isList(a) && isList(b)) return [...a, ...b]
        return typeof a === 'number' && typeof b === 'number' ? a + b : ERROR
      }
    }
    if (kind?.case === 'callExpr' && kind.value.function === '_?_:_') {
      const [condition, yes, no] = kind.value.args
      const nodes = [this.node(condition), this.#inLoop(yes), this.#inLoop(no)] as const
      return (state) => {
        const value = nodes[0](state)
        return typeof value !== 'boolean' ? ERROR : value ? nodes[1](state) : nodes[2](state)
      }
    }
    return this.node(expression)
  }
}

/** The text of a constant; null for everything else. */
function textOf(expression: Expr | undefined): string | null {
  const kind = expression?.exprKind
  if (kind?.case !== 'constExpr' || kind.value.constantKind.case !== 'stringValue') return null
  return kind.value.constantKind.value
}

const isRoot = (name: string): name is Root => Object.hasOwn(expressionNames, name)

const invalid = (why: string): CompiledExpression => ({ kind: 'invalid', why })
