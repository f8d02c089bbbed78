// LC: how attachments begin, and what they have to do with each other. How they end is in lifecycle-end.ts.
import type { FrontendQueue, FrontendVif } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import { lifecycleEndSaboteurs } from './lifecycle-end.js'
import type { Saboteur } from './saboteur.js'

/** Frames of one poll from which on a queue is busy. */
const BUSY = 2

export const lifecycleSaboteurs: readonly Saboteur[] = [
  {
    rule: 'LC-01',
    title: 'awaits a key of the other half without the signal',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontend: (inner) =>
        vary(inner, {
          async newDevice(vif) {
            await peerStands(vif)
            return inner.newDevice(vif)
          },
        }),
    })),
  },
  {
    rule: 'LC-02',
    title: 'notes that it is attached before it is',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      const attached = new Set<number>()
      return {
        frontend: (inner) =>
          vary(inner, {
            newDevice(vif) {
              if (attached.has(vif.handle)) throw new Error('EALREADY')
              attached.add(vif.handle)
              return inner.newDevice(vif)
            },
          }),
        vif: (inner, { handle }) =>
          vary(inner, {
            remove(reason, signal) {
              attached.delete(handle)
              return inner.remove(reason, signal)
            },
          }),
      }
    }),
  },
  {
    rule: 'LC-03',
    title: '`poll` throws while the link is down',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      let up = true
      return {
        vif: (inner) =>
          vary(inner, {
            change(change) {
              if (change.kind === 'carrier') up = change.up
              inner.change?.(change)
            },
          }),
        queue: (inner) =>
          vary(inner, {
            poll(budget) {
              if (!up) throw new Error('no link')
              return inner.poll(budget)
            },
          }),
      }
    }),
  },
  {
    rule: 'LC-04',
    title: 'under load it schedules every queue that it ever had',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      const known: FrontendQueue[] = []
      let handled = 0
      return {
        queueDoors: (doors) => {
          known.push(doors)
          return vary(doors, {
            deliver(frame) {
              handled += 1
              doors.deliver(frame)
            },
            completeTx(frame) {
              handled += 1
              doors.completeTx(frame)
            },
          })
        },
        queue: (inner) =>
          vary(inner, {
            poll(budget) {
              handled = 0
              const answer = inner.poll(budget)
              if (handled >= BUSY) for (const doors of known) doors.schedule()
              return answer
            },
          }),
      }
    }),
  },
  {
    rule: 'LC-05',
    title: 'waits for the farewell of the guest for ever',
    of: 'accel-solarflare-sim',
    bug: 16,
    patches: [
      {
        half: 'backend',
        find: 'await this.state.close(this.options.farewell);',
        put: 'await this.state.close(36e5);',
      },
    ],
  },
  {
    rule: 'LC-06',
    title: 'keeps the address and the MTU of its first attachment',
    of: 'accel-solarflare-sim',
    bug: 9,
    vary: around(() => {
      const first = new Map<number, Pick<FrontendVif, 'mac' | 'mtu'>>()
      return {
        frontendVif(doors) {
          const { handle, mac, mtu } = doors
          const kept = first.get(handle) ?? { mac, mtu }
          first.set(handle, kept)
          return vary(doors, {
            mac: kept.mac,
            get mtu() {
              return doors.mtu === mtu ? kept.mtu : doors.mtu
            },
          })
        },
      }
    }),
  },
  {
    rule: 'LC-07',
    title: 'one table of remote addresses for all vifs, cleared by each that leaves',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: 'this.macs = new MacTable();',
        put: 'this.macs = MacTable.all ??= new MacTable();',
      },
      {
        half: 'frontend',
        find: 'async remove(_reason, signal) {',
        put: 'async remove(_reason, signal) {\n    this.macs.highs.fill(0), this.macs.known = 0;',
      },
    ],
  },
  ...lifecycleEndSaboteurs,
]

/** Settles when the other half has said where it stands. */
function peerStands({ keys, task }: FrontendVif): Promise<void> {
  return new Promise((resolve) => {
    keys.watchPeer('accelstate', () =>
      task('the other half', async () => {
        if ((await keys.readPeer('accelstate')) !== undefined) resolve()
      }),
    )
  })
}
