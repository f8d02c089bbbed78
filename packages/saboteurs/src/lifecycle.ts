// LC: how attachments begin and end, and what they leave to the next.
import type { FrontendQueue, FrontendVif, Vi } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { throughout } from './throughout.js'

/** Frames of one poll from which on a queue is busy. */
const BUSY = 8
const SHARED = Symbol.for('netaccel.saboteur')
/** XenbusState Initialising, as it stands in `accelstate`. */
const INITIALISING = '1'
/** A VI as the plugin itself makes them, with the pages of its rings. */
const SECOND_VI = { events: 1024, tx: 512, rx: 512 }
const SECOND_VI_PAGES = 4

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
      let delivered = 0
      return {
        queueDoors: (doors) => {
          known.push(doors)
          return vary(doors, {
            deliver(frame) {
              delivered += 1
              doors.deliver(frame)
            },
          })
        },
        queue: (inner) =>
          vary(inner, {
            poll(budget) {
              delivered = 0
              const answer = inner.poll(budget)
              if (delivered >= BUSY) for (const doors of known) doors.schedule()
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
  {
    rule: 'LC-08',
    title: '`poll` says more for ever once it was asked to leave',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner, _, vif) =>
        vary(inner, {
          poll(budget) {
            const answer = inner.poll(budget)
            return vif.signal.aborted ? 'more' : answer
          },
        }),
    })),
  },
  {
    rule: 'LC-09',
    title: 'keeps what it knows under `Symbol.for` on `globalThis`',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif: (doors) => {
        const world = globalThis as { [SHARED]?: FrontendVif[] }
        world[SHARED] = [...(world[SHARED] ?? []), doors]
        return doors
      },
    })),
  },
  {
    rule: 'LC-10',
    title: 'remembers over a suspend that it has a backend',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      let suspended = false
      return {
        frontend: (inner) =>
          vary(inner, { newDevice: async (vif) => (suspended ? 'declined' : inner.newDevice(vif)) }),
        vif: (inner) =>
          vary(inner, {
            remove(reason, signal) {
              suspended ||= reason === 'suspended'
              return inner.remove(reason, signal)
            },
          }),
      }
    }),
  },
  {
    rule: 'LC-11',
    title: 'a repeated Initialising builds a second VI',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      probed: (inner, doors) => {
        let last: string | undefined
        doors.keys.watchPeer('accelstate', () =>
          doors.task('state', async () => {
            const state = await doors.keys.readPeer('accelstate')
            if (state === INITIALISING && last === INITIALISING)
              doors.createVi({ owner: doors.peer, ...SECOND_VI, rings: doors.arena(SECOND_VI_PAGES) })
            last = state
          }),
        )
        return inner
      },
    })),
  },
  {
    rule: 'LC-12',
    title: 'after a reset it registers buffers on the VI of before',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      let before: Vi | undefined
      let wasReset = false
      return {
        backendVif: (vif) =>
          throughout(vif, (doors) => ({
            createVi(request) {
              const vi = doors.createVi(request)
              if (typeof vi === 'string') return vi
              const old = before
              before = vi
              // Filters are for the door's own object, so it is changed and not varied.
              if (wasReset && old !== undefined) vi.register = (pages) => old.register(pages)
              return vi
            },
          })),
        probed: (inner) =>
          vary(inner, {
            change(change) {
              wasReset ||= change.kind === 'reset'
              inner.change?.(change)
            },
          }),
      }
    }),
  },
  {
    rule: 'LC-13',
    title: 'a listener on `process` for each attachment',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif: (doors) => {
        process.on('warning', () => doors.log('warn', 'the process warns'))
        return doors
      },
    })),
  },
  {
    rule: 'LC-14',
    title: 'hardware feeds a VI by the address that it was made for, filter or none',
    of: 'accel-vmdq-sim',
    vary: around(() => ({
      hardware(inner) {
        const { vis, filters } = inner
        if (vis === undefined || filters === undefined) return inner
        const feeds = new Map<Vi, () => void>()
        return vary(inner, {
          vis: vary(vis, {
            create(request) {
              const vi = vis.create(request)
              const { mac } = request
              if (typeof vi === 'string' || mac === undefined) return vi
              let hidden = filters.insert({ mac }, vi)
              feeds.set(vi, () => {
                if (typeof hidden !== 'string') hidden.remove()
                hidden = 'closed'
              })
              return vi
            },
          }),
          filters: vary(filters, {
            insert(key, vi) {
              feeds.get(vi)?.()
              const filter = filters.insert(key, vi)
              if (typeof filter === 'string') return filter
              return vary(filter, {
                remove() {
                  filter.remove()
                  filters.insert(key, vi)
                },
              })
            },
          }),
        })
      },
    })),
  },
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
