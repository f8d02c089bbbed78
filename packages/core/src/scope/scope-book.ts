import { onClock, withDeadline } from '../control-clock.js'
import { AcceleratorError } from '../errors.js'
import { LEASE_TASK } from '../lease.js'
import type { ScopeParts } from './parts.js'

/** What a scope can hold; the words of its report. */
export type TakingKind =
  | 'arena'
  | 'pool'
  | 'grant'
  | 'mapping'
  | 'channel'
  | 'key'
  | 'watch'
  | 'timer'
  | 'undo'
  | 'child'
  | 'vi'
  | 'filter'
  | 'observer'

/** One thing taken through a door, with the way to give it back. */
export interface Taking {
  readonly kind: TakingKind
  readonly what: string
  /** Gives it back; `forced`: without asking the plugin. */
  readonly undo: (forced: boolean) => void | Promise<void>
}

/** What was left when a scope had closed; empty lists for a clean end. */
export interface ScopeReport {
  /** Tasks that did not settle after the abort. */
  readonly tasks: string[]
  /** What could not be given back, with the reason. */
  readonly failures: string[]
}

/** Milliseconds that tasks may take to settle after the abort (LC-01). */
export const TASK_GRACE = 100
/** Milliseconds that one undo may take: the store's answer, a VI that quiesces, or the plugin's own. */
export const UNDO_GRACE = 1000

interface Running {
  readonly name: string
  settled: boolean
}

/**
 * The host's half of a scope: what was taken, and whether its doors still open. The plugin holds doors only, which
 * ask here first. Everything taken is undone newest first when the book closes.
 */
export class ScopeBook {
  readonly name: string
  readonly parts: ScopeParts
  readonly abort = new AbortController()
  #state: 'open' | 'closing' | 'closed' = 'open'
  readonly #takings = new Set<Taking>()
  readonly #children = new Set<ScopeBook>()
  readonly #tasks = new Set<Running>()
  #idle: (() => void)[] = []
  #closing: Promise<ScopeReport> | undefined
  readonly #abandoned: string[] = []
  /** Tells the parent that this scope is no more. */
  #ended: (() => void) | undefined

  constructor(name: string, parts: ScopeParts) {
    this.name = name
    this.parts = parts
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** For doors that take something: throws CLOSED once the scope begins to close. */
  enter(door: string): void {
    if (this.#state === 'open') return
    this.parts.tally.late()
    throw new AcceleratorError(
      'CLOSED',
      `${door}: the scope '${this.name}' is closed; take nothing once its signal aborts`,
    )
  }

  /** For doors that give back or tell: false, and counted, once the scope is closed. */
  alive(): boolean {
    if (this.#state !== 'closed') return true
    this.parts.tally.late()
    return false
  }

  /** Whether a test wants this call of `door` to fail. */
  fails(door: string): boolean {
    return this.parts.faults !== null && this.parts.faults.fails(door)
  }

  take(kind: TakingKind, what: string, undo: Taking['undo']): Taking {
    const taking: Taking = { kind, what, undo }
    this.#takings.add(taking)
    return taking
  }

  /** The taking is held, also if it was forgotten. */
  keep(taking: Taking): void {
    this.#takings.add(taking)
  }

  /** The taking was given back before the scope closed. False: it was not held. */
  forget(taking: Taking): boolean {
    return this.#takings.delete(taking)
  }

  /** What the scope and its children hold now, by kind. */
  holdings(into: Map<TakingKind, number> = new Map()): Map<TakingKind, number> {
    for (const { kind } of this.#takings) if (kind !== 'child') into.set(kind, (into.get(kind) ?? 0) + 1)
    for (const child of this.#children) child.holdings(into)
    return into
  }

  /** Names of the tasks that run now, children's included. */
  tasks(): string[] {
    const own = [...this.#tasks].map((task) => task.name)
    return [...own, ...[...this.#children].flatMap((child) => child.tasks())]
  }

  /** Open a scope within this one; it closes with it, or before. */
  child(name: string): ScopeBook {
    const book = new ScopeBook(`${this.name}/${name}`, this.parts)
    this.#children.add(book)
    const taking = this.take('child', name, async (forced) => {
      const report = await book.close(forced)
      this.#abandoned.push(...report.tasks)
      if (report.failures.length > 0) throw new Error(report.failures.join('; '))
    })
    book.#ended = () => {
      this.#children.delete(book)
      this.#takings.delete(taking)
    }
    return book
  }

  /** Run `work` under a lease until its promise settles; a rejection is logged, never lost. */
  task(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    const { engine, lease } = this.parts
    const running: Running = { name, settled: false }
    this.#tasks.add(running)
    lease.take(LEASE_TASK)
    void onClock(engine, () => work(this.abort.signal))
      .catch((cause: unknown) => this.taskFailed(name, cause))
      .finally(() => this.endTask(running))
  }

  /** Call the plugin's `work` from a timer, watch or event; a throw is logged and counted. */
  guard(what: string, work: () => void): void {
    try {
      work()
    } catch (cause) {
      this.threw(what, cause)
    }
  }

  /** The same for a doorbell, which is written for every burst: without a closure. */
  guardWrite(written: (offset: number, value: number) => void, offset: number, value: number): void {
    try {
      written(offset, value)
    } catch (cause) {
      this.threw('a doorbell', cause)
    }
  }

  private threw(what: string, cause: unknown): void {
    this.parts.tally.threw++
    this.parts.log('error', this.name, `${what} threw`, cause)
  }

  /** From here on every door is dead, and the signal aborted. Nothing is given back yet. */
  kill(): void {
    this.#state = 'closed'
    for (const child of this.#children) child.kill()
    this.abort.abort()
  }

  /**
   * Abort, wait for the tasks, then give back newest first. `forced`: the doors die at once and the plugin is not
   * asked. Repeated calls join the first.
   */
  close(forced = false): Promise<ScopeReport> {
    if (forced) this.kill()
    this.#closing ??= this.finish(forced)
    return this.#closing
  }

  private async finish(forced: boolean): Promise<ScopeReport> {
    if (this.#state === 'open') this.#state = 'closing'
    this.abort.abort()
    const failures: string[] = []
    if (!forced) await this.settleTasks()
    while (this.#takings.size > 0) {
      for (const taking of [...this.#takings].reverse()) {
        if (this.#takings.delete(taking)) await this.giveBack(taking, forced, failures)
      }
    }
    this.#state = 'closed'
    const tasks = [...this.#abandoned, ...this.abandonTasks()]
    this.#ended?.()
    return { tasks, failures }
  }

  private async giveBack(taking: Taking, forced: boolean, failures: string[]): Promise<void> {
    try {
      const wait = taking.undo(forced || this.#state === 'closed')
      // A child bounds each step of its own, and what is older than it may be in use until it is through.
      if (taking.kind === 'child') await wait
      else if (wait !== undefined)
        await withDeadline(this.parts.engine, UNDO_GRACE, 'giving it back', () => wait)
    } catch (cause) {
      failures.push(
        `${taking.kind} ${taking.what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      )
      this.parts.log('error', this.name, `${taking.kind} ${taking.what} could not be given back`, cause)
    }
  }

  private async settleTasks(): Promise<void> {
    if (this.#tasks.size === 0) return
    const idle = new Promise<void>((resolve) => this.#idle.push(resolve))
    try {
      await withDeadline(this.parts.engine, TASK_GRACE, 'ending the tasks', () => idle)
    } catch {
      this.parts.log('warn', this.name, `tasks still run after the abort: ${this.tasks().join(', ')}`)
    }
  }

  private endTask(running: Running): void {
    if (running.settled) return
    running.settled = true
    this.#tasks.delete(running)
    this.parts.lease.drop(LEASE_TASK)
    if (this.#tasks.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  private abandonTasks(): string[] {
    const names: string[] = []
    for (const running of [...this.#tasks]) {
      names.push(running.name)
      this.endTask(running)
    }
    return names
  }

  private taskFailed(name: string, cause: unknown): void {
    if (this.abort.signal.aborted) return
    this.parts.tally.threw++
    this.parts.log('error', this.name, `the task '${name}' failed`, cause)
  }
}
