// MEM: what is taken and given back, and what hardware touches.
import type { Arena, FrontendVif, GrantRef } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

/** Of so many frames taken one is taken too many. */
const LEAKED = 300
/** Doorbells after which a VI has so much to do that a write comes late, and how late, ms. */
const BUSY = 16
const LATE_MS = 0.02

export const memorySaboteurs: readonly Saboteur[] = [
  {
    rule: 'MEM-01',
    title: "keeps the last guest's mapping open",
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'backend',
        find: 'this.memory = this.scope.child("memory")',
        put: 'this.memory = vif.child("memory")',
      },
    ],
  },
  {
    rule: 'MEM-02',
    title: 'ends one grant too many on failure',
    of: 'accel-solarflare-sim',
    bug: 11,
    vary: around(() =>
      undoing((refs, vif) => {
        for (const ref of refs) vif.endGrant(ref)
        vif.endGrant(Math.max(...refs) + 1)
      }),
    ),
  },
  {
    rule: 'MEM-02',
    title: 'undoes the wrong grants on failure',
    of: 'accel-solarflare-sim',
    bug: 10,
    vary: around(() =>
      undoing((refs, vif) => {
        for (const ref of refs) vif.endGrant(ref + 1)
      }),
    ),
  },
  {
    rule: 'MEM-03',
    title: 'unmaps first',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'backend',
        find: 'vi !== void 0 && (await vi.quiesce(signal), vi.close());',
        put: 'vi !== void 0 && (await this.memory.close(), await vi.quiesce(signal), vi.close());',
      },
    ],
  },
  {
    rule: 'MEM-04',
    title: 'writes into a page again whose grant could not be ended',
    of: 'accel-solarflare-sim',
    vary: around(() => writingAgain()),
  },
  {
    rule: 'MEM-05',
    title: `takes a buffer too many once in ${LEAKED}, and loses it`,
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif: (doors) =>
        vary(doors, {
          pool(frames, bytesEach) {
            const pool = doors.pool(frames, bytesEach)
            let taken = 0
            return vary(pool, {
              take() {
                taken += 1
                if (taken % LEAKED === 0) pool.take()
                return pool.take()
              },
            })
          },
        }),
    })),
  },
  {
    rule: 'MEM-06',
    title: "trusts a descriptor's address: one table for the pages of all guests",
    of: 'accel-vmdq-sim',
    patches: [
      {
        half: 'hardware',
        find: 'table = new PageTable();',
        put: 'table = PageTable.all ??= new PageTable();',
      },
      { half: 'hardware', find: 'this.entries.length = 1;', put: '' },
      { half: 'hardware', find: '> MOST) return -1', put: '> 64 * MOST) return -1' },
    ],
  },
  {
    rule: 'MEM-07',
    title: 'a queued write lands after `quiesce`',
    of: 'accel-vmdq-sim',
    vary: around(() => writingLate()),
  },
]

/** What was granted is ended by the half itself when `newDevice` comes to nothing. */
function undoing(undo: (refs: readonly GrantRef[], vif: FrontendVif) => void): Around {
  let refs: GrantRef[] = []
  return {
    frontendVif: (doors) => {
      const taken: GrantRef[] = []
      refs = taken
      return vary(doors, {
        grant(...given) {
          const ref = doors.grant(...given)
          taken.push(ref)
          return ref
        },
      })
    },
    frontend: (inner) =>
      vary(inner, {
        async newDevice(vif) {
          const taken = refs
          let isFine = false
          try {
            const device = await inner.newDevice(vif)
            isFine = device !== 'declined'
            return device
          } finally {
            if (!isFine && taken.length > 0 && !vif.signal.aborted) undo(taken, vif)
          }
        },
      }),
  }
}

/** The pages that the halves talk over are cleared at the end, whether the other half has let go of them or not. */
function writingAgain(): Around {
  const shared = new Map<FrontendVif, { arena: Arena; refs: GrantRef[] }>()
  return {
    frontendVif: (doors) => {
      const varied = vary(doors, {
        arena(pages) {
          const arena = doors.arena(pages)
          if (!shared.has(varied)) shared.set(varied, { arena, refs: [] })
          return arena
        },
        grant(page, ...given) {
          const ref = doors.grant(page, ...given)
          const own = shared.get(varied)
          if (own?.arena.pages.includes(page) === true) own.refs.push(ref)
          return ref
        },
      })
      return varied
    },
    vif: (inner, doors) =>
      vary(inner, {
        async remove(reason, signal) {
          await inner.remove(reason, signal)
          const own = shared.get(doors)
          shared.delete(doors)
          if (own === undefined) return
          const ended = own.refs.map((ref) => doors.endGrant(ref))
          if (ended.includes(false))
            own.arena.bytes.fill(0, own.arena.offset, own.arena.offset + own.arena.length)
        },
      }),
  }
}

/** The event that a busy VI had still to write. */
function writingLate(): Around {
  let rung = 0
  return {
    hardwareContext: (context) =>
      vary(context, {
        ioPage: (written) =>
          context.ioPage((offset, value) => {
            rung += 1
            written(offset, value)
          }),
      }),
    hardware(inner, context) {
      const { vis, filters } = inner
      if (vis === undefined || filters === undefined) return inner
      return vary(inner, {
        vis: vary(vis, {
          create(request) {
            const vi = vis.create(request)
            if (typeof vi === 'string') return vi
            const { view, offset } = 'view' in request.rings ? request.rings : request.rings.pages[0]
            const quiesce = vi.quiesce.bind(vi)
            vi.quiesce = async (signal) => {
              await quiesce(signal)
              if (rung >= BUSY) context.after(LATE_MS, () => view.setUint32(offset, rung, true))
            }
            return vi
          },
        }),
      })
    },
  }
}
