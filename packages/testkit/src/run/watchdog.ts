// The watchdog: runs acts in threads of their own, and ends a thread when a hook in it does not return.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { monotonicNs } from '@netaccel/xen'
import { TestkitError } from '../errors.js'
import { Mark } from '../record/mark.js'
import { isHopeless } from './act-run.js'
import type { Shown } from './act-run.js'
import type { WorkerOrder, WorkerWord } from './worker-words.js'

/** How long one hook may run before it counts as one that does not return (ER-04). */
export interface HookLimits {
  /**
   * Seconds of this process's own CPU time, for each thread that runs acts: on a machine that does other things nobody is
   * hurried. Default 3.
   */
  readonly cpu?: number
  /**
   * Seconds by the clock, for a hook that uses no CPU because it waits: for a lock, a program, a file. So much longer that no
   * machine is too busy for it. Default 120.
   */
  readonly wall?: number
}

const HOOK_CPU = 3
const HOOK_WALL = 120
/** How much longer than a hook a whole act may take. */
const ACT = 40
/** How long a thread is waited for that was ended: one that waits for a program does not hear of it. */
const GOODBYE_MS = 2000
const LOOK_MS = 100
/** More threads would spend more on becoming warm than they save. */
const MOST_THREADS = 2

type Order = Omit<WorkerOrder, 'mark'> & { readonly limits?: HookLimits }

/** Runs the acts of these names, a few threads side by side. `onAct` is called when one begins. */
export async function guarded(
  order: Order,
  acts: readonly string[],
  onAct: (act: string) => void,
): Promise<Shown[]> {
  const shown: Shown[] = []
  const left = [...acts]
  const threads = Math.min(MOST_THREADS, availableParallelism(), acts.length)
  const next = (): string | undefined => {
    if (isHopeless(shown)) left.length = 0
    const act = left.shift()
    if (act !== undefined) onAct(act)
    return act
  }
  const lane = async (): Promise<void> => {
    while (left.length > 0) await new GuardedThread(order, threads, next, shown).end
  }
  await Promise.all(Array.from({ length: threads }, lane))
  return shown
}

/** One thread, until no act is left or a hook hangs. */
class GuardedThread {
  readonly end: Promise<void>
  private readonly order: Order
  private readonly mark = new Mark()
  private readonly next: () => string | undefined
  private readonly threads: number
  /** Of all threads. */
  private readonly shown: Shown[]
  private act: string | undefined
  private actFrom = 0
  private entries = 0
  /** Of {@link entries}: since when they are so many, in CPU time, and for how long, in seconds by the clock. */
  private entriesFrom = 0
  private still = 0
  private lookedAt = 0

  constructor(order: Order, threads: number, next: () => string | undefined, shown: Shown[]) {
    this.order = order
    this.next = next
    this.threads = threads
    this.shown = shown
    this.end = this.run()
  }

  private run(): Promise<void> {
    const { limits: _, ...order } = this.order
    const workerData: WorkerOrder = { ...order, mark: this.mark.buffer }
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, execArgv: [] })
    return new Promise<void>((resolve, reject) => {
      let isOver = false
      const over = (work: () => void): void => {
        if (isOver) return
        isOver = true
        clearInterval(watch)
        worker.unref()
        const late = setTimeout(work, GOODBYE_MS)
        void worker.terminate().then(() => {
          clearTimeout(late)
          work()
        })
      }
      const fail = (text: string, cause?: unknown): void =>
        over(() => {
          // What cannot be loaded makes other acts fail too.
          if (isHopeless(this.shown)) resolve()
          else reject(new TestkitError('WORKER_FAILED', text, { cause }))
        })
      const watch = setInterval(() => {
        const hung = this.look()
        if (hung === undefined) return
        this.shown.push(hung)
        over(resolve)
      }, LOOK_MS)
      worker.on('error', (cause) => fail(String(cause), cause))
      worker.on('exit', (code) => {
        if (!isOver) fail(`the thread ended by itself, with status ${code}, in act ${this.act ?? 'none'}`)
      })
      worker.on('message', (word: WorkerWord) => {
        // A word that was on its way when the thread was ended.
        if (isOver) return
        if (word.kind === 'broken') fail(`act ${this.act}: ${word.error}`)
        else if (word.kind === 'ends') this.shown.push(...word.shown)
        else if (this.begin() === undefined) over(resolve)
        else worker.postMessage(this.act)
      })
    })
  }

  private begin(): string | undefined {
    this.act = this.next()
    this.actFrom = this.entriesFrom = cpuSeconds()
    this.still = 0
    this.lookedAt = monotonicNs()
    return this.act
  }

  /** ER-04: a hook that was entered so long ago has not returned. */
  private look(): Shown | undefined {
    const { act, threads, order } = this
    if (act === undefined) return undefined
    const { cpu = HOOK_CPU, wall = HOOK_WALL } = order.limits ?? {}
    const now = cpuSeconds()
    const { entries, hook, half } = this.mark.read()
    this.stand(entries, now)
    if (hook !== undefined) {
      const what = `${hook} of the ${half} half did not return within`
      if (now - this.entriesFrom > cpu * threads) return this.hung(act, `${what} ${cpu} s of CPU time`)
      if (this.still > wall)
        return this.hung(act, `${what} ${wall} s by the clock; it waits, and the whole domain with it`)
    }
    const last = `last entered: ${hook ?? 'none'} (${half})`
    if (now - this.actFrom > ACT * cpu * threads)
      return this.hung(act, `the act did not end within ${ACT * cpu} s of CPU time; ${last}`)
    if (this.still > ACT * wall)
      return this.hung(act, `nothing happened in the act for ${ACT * wall} s by the clock; ${last}`)
    return undefined
  }

  /** Counts how long no hook was entered or left. What passes while nobody looks does not count: the machine had stopped. */
  private stand(entries: number, now: number): void {
    const at = monotonicNs()
    this.still += Math.min((at - this.lookedAt) / 1e9, (2 * LOOK_MS) / 1000)
    this.lookedAt = at
    if (entries === this.entries) return
    this.entries = entries
    this.entriesFrom = now
    this.still = 0
  }

  private hung(act: string, sentence: string): Shown {
    const evidence = [{ sentence, act, seed: this.order.seed, at: null, context: [] }]
    return { rule: 'ER-04', seen: 1, evidence }
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
