// The watchdog: runs acts in threads of their own, and ends a thread when a hook in it does not return.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { TestkitError } from '../errors.js'
import { Mark } from '../record/mark.js'
import type { Shown } from './act-run.js'
import type { WorkerOrder, WorkerWord } from './worker-words.js'

/**
 * How long one hook may run, and one act altogether, in seconds of this process's own CPU time: on a machine that does other
 * things nobody is hurried. All threads of the process count, so each has its share.
 */
const HOOK_SECONDS = 3
const ACT_SECONDS = 120
const LOOK_MS = 100
/** More threads would spend more on becoming warm than they save. */
const MOST_THREADS = 2

type Order = Omit<WorkerOrder, 'mark'>

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
    const act = left.shift()
    if (act !== undefined) onAct(act)
    return act
  }
  const lane = async (): Promise<void> => {
    while (left.length > 0) shown.push(...(await new GuardedThread(order, threads, next).end))
  }
  await Promise.all(Array.from({ length: threads }, lane))
  return shown
}

/** One thread, until no act is left or a hook hangs. */
class GuardedThread {
  /** What it has shown. */
  readonly end: Promise<Shown[]>
  private readonly order: Order
  private readonly mark = new Mark()
  private readonly next: () => string | undefined
  private readonly threads: number
  private readonly shown: Shown[] = []
  private act: string | undefined
  private actFrom = 0
  private entries = 0
  private entriesFrom = 0

  constructor(order: Order, threads: number, next: () => string | undefined) {
    this.order = order
    this.next = next
    this.threads = threads
    this.end = this.run()
  }

  private run(): Promise<Shown[]> {
    const workerData: WorkerOrder = { ...this.order, mark: this.mark.buffer }
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, execArgv: [] })
    return new Promise<Shown[]>((resolve, reject) => {
      let isOver = false
      const over = (work: () => void): void => {
        if (isOver) return
        isOver = true
        clearInterval(watch)
        void worker.terminate().then(work)
      }
      const fail = (text: string, cause?: unknown): void =>
        over(() => reject(new TestkitError('WORKER_FAILED', text, { cause })))
      const watch = setInterval(() => {
        const hung = this.look()
        if (hung !== undefined) over(() => resolve([...this.shown, hung]))
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
        else if (this.begin() === undefined) over(() => resolve(this.shown))
        else worker.postMessage(this.act)
      })
    })
  }

  private begin(): string | undefined {
    this.act = this.next()
    this.actFrom = this.entriesFrom = cpuSeconds()
    return this.act
  }

  /** ER-04: a hook that was entered so long ago has not returned. */
  private look(): Shown | undefined {
    const { act, threads } = this
    if (act === undefined) return undefined
    const now = cpuSeconds()
    const { entries, hook, half } = this.mark.read()
    if (entries !== this.entries) {
      this.entries = entries
      this.entriesFrom = now
    }
    if (hook !== undefined && now - this.entriesFrom > HOOK_SECONDS * threads)
      return this.hung(act, `${hook} of the ${half} half did not return within ${HOOK_SECONDS} s of CPU time`)
    if (now - this.actFrom > ACT_SECONDS * threads)
      return this.hung(
        act,
        `the act did not end within ${ACT_SECONDS} s of CPU time; last entered: ${hook ?? 'none'} (${half})`,
      )
    return undefined
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
