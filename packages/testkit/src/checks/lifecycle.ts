// LC: from the first set-up to the last removal.
import { again } from '../acts/again.js'
import { anyOrder } from '../acts/any-order.js'
import { asked } from '../acts/asked.js'
import { beside } from '../acts/beside.js'
import { deaths } from '../acts/deaths.js'
import { farewell } from '../acts/farewell.js'
import { generations } from '../acts/generations.js'
import { migration } from '../acts/migration.js'
import { refused } from '../acts/refused.js'
import { reset } from '../acts/reset.js'
import { saturated } from '../acts/saturated.js'
import { silent } from '../acts/silent.js'
import { steady } from '../acts/steady.js'
import { look, needs } from '../kit/check.js'
import type { Check } from '../kit/check.js'
import * as begin from './attachments.js'
import * as end from './endings.js'

export const lifecycleChecks: readonly Check[] = [
  {
    rule: 'LC-01',
    looks: [look(silent, begin.letsGo), look(steady, begin.settlesInTime)],
    unseen: 'no attachment was begun',
  },
  {
    rule: 'LC-02',
    looks: [look(refused, begin.nextSucceeds)],
    unseen: 'no failing door made an attachment fail',
  },
  { rule: 'LC-03', looks: [look(anyOrder, begin.bearsAnyOrder)], unseen: 'no queue was opened' },
  {
    rule: 'LC-04',
    looks: [look(saturated, begin.nothingLate), look(beside, ({ scene }) => begin.nothingLate(scene))],
    unseen: 'no attachment ended in good order',
  },
  { rule: 'LC-05', looks: [look(farewell, begin.leavesInTime)], unseen: 'its remove waits for nothing' },
  { rule: 'LC-06', looks: [look(again, begin.asFresh)], unseen: 'no frame went by the fast path' },
  { rule: 'LC-07', looks: [look(beside, begin.goesOn)], unseen: 'no frame went by the fast path' },
  { rule: 'LC-08', looks: [look(asked, end.ordinaryAfterRequest)], unseen: 'no hook was entered' },
  { rule: 'LC-09', looks: [look(generations, end.sharesNothing)], unseen: 'nothing was loaded' },
  {
    rule: 'LC-10',
    looks: [look(migration, end.goesAlong)],
    unseen: 'its frames do not leave their host',
  },
  { rule: 'LC-11', looks: [look(deaths, end.comesBack)], unseen: 'nothing was attached' },
  {
    rule: 'LC-12',
    unfit: needs('vi'),
    looks: [look(reset, end.nothingOfBefore)],
    unseen: 'no frame went by the fast path',
  },
  { rule: 'LC-13', looks: [look(generations, end.collected)], unseen: 'nothing was loaded' },
  {
    rule: 'LC-14',
    unfit: needs('rx'),
    looks: [look(steady, end.nothingBeforeStart), look(saturated, end.nothingBeforeStart)],
    unseen: 'no frame was delivered',
  },
]
