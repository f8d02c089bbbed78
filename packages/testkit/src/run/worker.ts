// The thread that runs the acts. What it finds it posts act by act: a hook that never returns takes only one act with it.
import { parentPort, workerData } from 'node:worker_threads'
import { CHECKS } from '../checks/index.js'
import { kitOf } from '../kit/act.js'
import { readSubject } from '../plugin/subject.js'
import { Mark } from '../record/mark.js'
import { actsOf, runAct } from './act-run.js'
import type { WorkerOrder, WorkerWord } from './worker-words.js'

const order = workerData as WorkerOrder
const say = (word: WorkerWord): void => parentPort?.postMessage(word)

const subject = readSubject(order.plugin)
const { seed, hardware, full } = order
const kit = kitOf({ subject, seed, hardware, mark: new Mark(order.mark) }, full)
const checks = CHECKS.filter(({ rule }) => order.rules.includes(rule))
for (const act of actsOf(checks, kit)) {
  if (order.done.includes(act.name)) continue
  say({ kind: 'begins', act: act.name })
  try {
    say({ kind: 'ends', act: act.name, shown: await runAct(act, checks, kit) })
  } catch (error) {
    say({
      kind: 'broken',
      act: act.name,
      error: error instanceof Error ? (error.stack ?? '') : String(error),
    })
  }
}
say({ kind: 'over' })
