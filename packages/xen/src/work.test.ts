import { expect, it } from 'vitest'
import { defaultCosts, scaleCosts } from './cost-table.js'
import { VirtualClock } from './virtual-clock.js'
import { Work } from './work.js'

it('Work charges each unit once, to the kind it is of', () => {
  const engine = new VirtualClock().engine('cpu0', scaleCosts(defaultCosts, 0))
  const work = new Work()
  work.frames = 2
  work.slots = 3
  work.grantOps = 5
  work.bytesCopied = 7
  work.settle(engine)
  work.settle(engine)
  work.slots++
  work.settle(engine)
  const charged = (['frame', 'slot', 'grantOp', 'byteCopied', 'notification'] as const).map((kind) =>
    engine.charged(kind),
  )
  expect(charged).toEqual([2, 4, 5, 7, 0])
})
