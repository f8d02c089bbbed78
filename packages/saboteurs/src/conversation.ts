// CT: the conversation of the two halves.
import { around, vary } from '@netaccel/testkit'
import type { BackendVif } from '@netaccel/core'
import type { Saboteur } from './saboteur.js'

/** Where the peer's word stands in the first of the pages that the halves talk over. */
const PEER_WORD = 28
/** So that a run ends: a kernel would be stuck. */
const MOST = 70_000

export const conversationSaboteurs: readonly Saboteur[] = [
  {
    rule: 'CT-01',
    title: "reads the other half's word twice: for the check, and for use",
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: 'return mtu >= 68 && mtu <= 65535 ? mtu : void 0;',
        put: 'return mtu >= 68 && mtu <= 65535 ? this.view.getUint32(this.at, !0) : void 0;',
      },
    ],
  },
  {
    rule: 'CT-02',
    title: "loops up to the peer's index",
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif: (doors) => {
        let word: (() => number) | undefined
        let first = true
        return vary(doors, {
          arena(pages) {
            const arena = doors.arena(pages)
            word ??= () => arena.view.getUint32(arena.offset + PEER_WORD, true)
            return arena
          },
          listen(event, remote) {
            if (!first) return doors.listen(event, remote)
            first = false
            return doors.listen(() => {
              for (let i = 65_536; i < Math.min(word?.() ?? 0, MOST); i++)
                doors.counter('messages_refused').value++
              event()
            }, remote)
          },
        })
      },
    })),
  },
  {
    rule: 'CT-03',
    title: 'writes `accel-phase`',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      vif: (inner, doors) => {
        doors.task('phase', async () => {
          try {
            await doors.keys.write({ 'accel-phase': 'active' })
          } catch {
            // The door says no; the original would not have noticed.
          }
        })
        return inner
      },
    })),
  },
  {
    rule: 'CT-04',
    title: 'misreads that the ring is full: what found no room is not sent again',
    of: 'accel-solarflare-sim',
    bug: 17,
    patches: [
      {
        half: 'backend',
        find: '})) return;\n      this.waiting.shift(), this.sent.value++;',
        put: '})) this.sent.value--;\n      this.waiting.shift(), this.sent.value++;',
      },
    ],
  },
  {
    rule: 'CT-05',
    title: 'throws on LOCALMAC after a failed SETHW',
    of: 'accel-solarflare-sim',
    bug: 19,
    patches: [
      {
        half: 'frontend',
        find: 'localMac({ flags, mac }) {',
        put: 'localMac({ flags, mac }) {\n    if (this.state === "failed") throw new Error("BUG: LOCALMAC in a wrong state");',
      },
    ],
  },
  {
    rule: 'CT-06',
    title: 'refuses a total that 8 does not divide',
    of: 'accel-solarflare-sim',
    bug: 6,
    patches: [
      {
        half: 'backend',
        find: '(pages & pages - 1) !== 0)',
        put: 'pages !== MAPBUF_MAX_PAGES)',
      },
    ],
  },
  {
    rule: 'CT-07',
    title: 'detaches every vif when one guest is greedy',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      const vifs = new Set<BackendVif>()
      return {
        backendVif: (doors) => {
          vifs.add(doors)
          return vary(doors, {
            punish(evidence) {
              doors.punish(evidence)
              for (const vif of vifs) vif.requestDetach('a guest was greedy')
            },
          })
        },
        probed: (inner, doors) =>
          vary(inner, {
            remove(reason, signal) {
              for (const vif of vifs)
                if (vif.handle === doors.handle && vif.mac === doors.mac) vifs.delete(vif)
              return inner.remove(reason, signal)
            },
          }),
      }
    }),
  },
]
