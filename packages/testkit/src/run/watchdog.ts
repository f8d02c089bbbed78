// The watchdog: runs acts in a thread of their own, and ends that thread when a hook does not return.
import { Worker } from 'node:worker_threads'
import { TestkitError } from '../errors.js'
import { Mark } from '../record/mark.js'
import type { Shown } from './act-run.js'
import type { WorkerOrder, WorkerWord } from './worker-words.js'

/** How long one hook may run, in seconds of this process's own CPU time: a machine that does other things does not count. */
const HOOK_SECONDS = 3
/** How long one act may run altogether. */
const ACT_SECONDS = 120
const LOOK_MS = 100

export interface Guarded {
  readonly shown: readonly Shown[]
}

export type OnAct = (act: string) => void

/** Runs all acts that the order asks for, in one thread after the other. */
export async function guarded(order: Omit<WorkerOrder, 'mark' | 'done'>, onAct: OnAct): Promise<Shown[]> {
  const shown: Shown[] = []
  const done: string[] = []
  for (;;) {
    const mark = new Mark()
    const run = new GuardedRun({ ...order, mark: mark.buffer, done: [...done] }, mark, onAct)
    const hung = await run.end
    shown.push(...run.shown)
    done.push(...run.done)
    if (hung === null) return shown
    shown.push(hung.shown)
    done.push(hung.act)
  }
}

interface Hung {
  readonly act: string
  readonly shown: Shown
}

/** One thread, from its start until all is done or a hook hangs. */
class GuardedRun {
  readonly shown: Shown[] = []
  readonly done: string[] = []
  /** Null: all is done. */
  readonly end: Promise<Hung | null>
  private readonly order: WorkerOrder
  private readonly mark: Mark
  private readonly onAct: OnAct
  private act: string | undefined
  private actFrom = 0
  private entries = 0
  private entriesFrom = 0

  constructor(order: WorkerOrder, mark: Mark, onAct: OnAct) {
    this.order = order
    this.mark = mark
    this.onAct = onAct
    this.end = this.run()
  }

  private run(): Promise<Hung | null> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.order,
      execArgv: [],
    })
    return new Promise<Hung | null>((resolve, reject) => {
      const watch = setInterval(() => {
        const hung = this.look()
        if (hung !== undefined) settle(() => resolve(hung))
      }, LOOK_MS)
      const settle = (work: () => void): void => {
        clearInterval(watch)
        void worker.terminate().then(work)
      }
      worker.on('message', (word: WorkerWord) => {
        if (word.kind === 'over') settle(() => resolve(null))
        else if (word.kind === 'broken')
          settle(() => reject(new TestkitError('WORKER_FAILED', `act ${word.act}: ${word.error}`)))
        else this.hear(word)
      })
      worker.on('error', (cause) =>
        settle(() => reject(new TestkitError('WORKER_FAILED', String(cause), { cause }))),
      )
    })
  }

  private hear(word: Extract<WorkerWord, { act: string }>): void {
    if (word.kind === 'begins') {
      this.act = word.act
      this.actFrom = this.entriesFrom = cpuSeconds()
      this.onAct(word.act)
    } else if (word.kind === 'ends') {
      this.shown.push(...word.shown)
      this.done.push(word.act)
      this.act = undefined
    }
  }

  /** ER-04: a hook that was entered so long ago has not returned. */
  private look(): Hung | undefined {
    const { act } = this
    if (act === undefined) return undefined
    const now = cpuSeconds()
    const { entries, hook, half } = this.mark.read()
    if (entries !== this.entries) {
      this.entries = entries
      this.entriesFrom = now
    }
    if (hook !== undefined && now - this.entriesFrom > HOOK_SECONDS)
      return this.hung(act, `${hook} of the ${half} half did not return within ${HOOK_SECONDS} s of CPU time`)
    if (now - this.actFrom > ACT_SECONDS)
      return this.hung(
        act,
        `the act did not end within ${ACT_SECONDS} s of CPU time; last entered: ${hook ?? 'none'} (${half})`,
      )
    return undefined
  }

  private hung(act: string, sentence: string): Hung {
    const evidence = [{ sentence, act, seed: this.order.seed, at: null, context: [] }]
    return { act, shown: { rule: 'ER-04', seen: 1, evidence } }
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
