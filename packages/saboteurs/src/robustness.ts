// ER: what a half makes of failing doors and strange hardware.
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

export const robustnessSaboteurs: readonly Saboteur[] = [
  {
    rule: 'ER-01',
    title: 'goes on without its channel',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'backend',
        find: 'this.net === void 0 ? this.cannot(',
        put: 'this.net === null ? this.cannot(',
      },
    ],
  },
  {
    rule: 'ER-02',
    title: 'a floating read of a key',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      vif: (inner, doors) =>
        vary(inner, {
          async remove(reason, signal) {
            await inner.remove(reason, signal)
            void doors.keys.read('accelstate')
          },
        }),
    })),
  },
  {
    rule: 'ER-03',
    title: 'throws at an event of an unknown kind',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: '  handle(word0, word1) {',
        put: `  handle(word0, word1) {
    let kind = word1 >>> EVENT_KIND_SHIFT & EVENT_KIND_MASK;
    if (kind === 0 || kind > EVENT_CONTROL) throw new Error("an event of kind " + kind);`,
      },
    ],
  },
  {
    rule: 'ER-04',
    title: 'spins until the doorbell is answered',
    of: 'accel-solarflare-sim',
    hangs: true,
    patches: [
      {
        half: 'frontend',
        find: 'this.page.write32(DOORBELL_TX, index);',
        put: 'this.page.write32(DOORBELL_TX, index);\n    for (; index > 300 && this.page.read32(DOORBELL_TX) !== index; ) ;',
      },
    ],
  },
]
