// LC, from LC-08 on: how attachments end, by request, suspend, reset or a death, and what they leave to the next.
import type { FrontendVif, Vi } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { throughout } from './throughout.js'

const SHARED = Symbol.for('netaccel.saboteur')
/** XenbusState Initialising and Connected, as they stand in `accelstate`. */
const INITIALISING = '1'
const CONNECTED = '4'
/** A VI as the plugin itself makes them, with the pages of its rings. */
const SECOND_VI = { events: 1024, tx: 512, rx: 512 }
const SECOND_VI_PAGES = 4

export const lifecycleEndSaboteurs: readonly Saboteur[] = [
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
            if (state === INITIALISING && (last === INITIALISING || last === CONNECTED))
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
