// PF: what a frame costs.
import type { Frame } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { told } from './told.js'

export const performanceSaboteurs: readonly Saboteur[] = [
  {
    rule: 'PF-01',
    title: 'one closure a frame',
    of: 'accel-solarflare-sim',
    rare: true,
    vary: around(() => {
      const kept: (() => Frame)[] = Array.from({ length: 64 })
      let count = 0
      return {
        queue: (inner) =>
          vary(inner, {
            startXmit(frame) {
              kept[count++ & 63] = () => frame
              return inner.startXmit(frame)
            },
          }),
      }
    }),
  },
  {
    rule: 'PF-02',
    title: 'rings for each frame',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, {
          startXmit(frame) {
            const verdict = inner.startXmit(frame)
            if (verdict === 'accepted') inner.flush()
            return verdict
          },
        }),
    })),
  },
  {
    rule: 'PF-03',
    title: 'copies free of charge',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      ...told({ copy: true }),
      queueDoors: (doors) =>
        vary(doors, {
          charge(cost, count) {
            if (cost !== 'byte') doors.charge(cost, count)
          },
        }),
    })),
  },
]
