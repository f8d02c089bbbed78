// The thread that runs acts, one at a time, as it is told. What an act has shown it posts at once: a hook that never returns takes
// only its own act with it.
import { parentPort, workerData } from 'node:worker_threads'
import { CHECKS } from '../checks/index.js'
import { kitOf } from '../kit/act.js'
import { readSubject } from '../plugin/subject.js'
import { Mark } from '../record/mark.js'
import { nameOf, runAct, turnsOf } from './act-run.js'
import type { WorkerOrder, WorkerTask, WorkerWord } from './worker-words.js'

const order = workerData as WorkerOrder
const say = (word: WorkerWord): void => parentPort?.postMessage(word)

const { seed, hardware, full, traits, rules } = order
const subject = readSubject(order.plugin)
const kit = kitOf({ subject, seed, hardware, mark: new Mark(order.mark) }, full)
const checks = CHECKS.filter(({ rule }) => rules.includes(rule))
const turns = turnsOf(checks, kit, traits)

async function run(task: WorkerTask): Promise<void> {
  const turn = turns.find((each) => nameOf(each) === task)
  try {
    if (turn !== undefined) say({ kind: 'ends', shown: await runAct(turn, checks, kit) })
    say({ kind: 'ready' })
  } catch (error) {
    say({ kind: 'broken', error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

parentPort?.on('message', (task: WorkerTask) => void run(task))
say({ kind: 'ready' })
