// ST: what is counted.
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

export const statisticsSaboteurs: readonly Saboteur[] = [
  {
    rule: 'ST-01',
    title: 'adds totals instead of what has come since',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: '(counter(name).value += this[field], this[field] = 0)',
        put: '(counter(name).value += this[field])',
      },
    ],
  },
  {
    rule: 'ST-02',
    title: 'clears what it has counted in `remove`',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      vif: (inner, doors) =>
        vary(inner, {
          async remove(reason, signal) {
            await inner.remove(reason, signal)
            for (const name of ['event_count', 'fastpath_tx_completions', 'poll_call_count'])
              doors.counter(name).value = 0
          },
        }),
    })),
  },
  {
    rule: 'ST-03',
    title: 'does not count a filter down that a hint has removed',
    of: 'accel-solarflare-sim',
    bug: 2,
    patches: [
      {
        half: 'backend',
        find: '(this.vacate(place), this.refuse(ip, ports), !0)',
        put: '(this.vacate(place), this.counts.standing.value++, this.refuse(ip, ports), !0)',
      },
    ],
  },
]
