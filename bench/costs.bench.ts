// What a unit of each kind of the cost table takes here, beside what the table says: where its numbers come from.
import { COSTS, type Cost, defaultCosts } from '@netaccel/xen'
import { byteCopied, byteDma, byteSummed } from './costs/bytes.js'
import { descriptor, grantOp, slot } from './costs/rings.js'
import { doorbell, events, frame, poll } from './costs/stages.js'
import { wakeup } from './costs/wakeup.js'
import { Report } from './lib/report.js'

const { notification, event } = await events()
const measured: Readonly<Record<Cost, number>> = {
  frame: frame(),
  slot: slot(),
  byteCopied: byteCopied(),
  grantOp: grantOp(),
  notification,
  wakeup: await wakeup(),
  descriptor: descriptor(),
  poll: await poll(),
  event,
  doorbell: doorbell(),
  byteSummed: byteSummed(),
  byteDma: byteDma(),
}
const report = new Report()
for (const cost of COSTS) {
  const against = { name: `the table: ${defaultCosts[cost]}`, ratio: measured[cost] / defaultCosts[cost] }
  report.compared(`cost of '${cost}'`, measured[cost], 'ns', against, null)
}
report.finish()
