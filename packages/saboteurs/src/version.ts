// VN: what a package says of itself.
import { fileURLToPath } from 'node:url'
import type { FrontendVif } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { told } from './told.js'

/** Any file that is no artefact. */
const SECOND_FILE = fileURLToPath(import.meta.url)

export const versionSaboteurs: readonly Saboteur[] = [
  {
    rule: 'VN-01',
    title: 'names a backend artefact that has only a frontend',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'backend',
        find: 'defineAccelerator)({ backend })',
        put: 'defineAccelerator)({ frontend: backend })',
      },
    ],
  },
  {
    rule: 'VN-02',
    title: 'says [1, 2], uses a door of 2 when 1 was agreed',
    of: 'accel-solarflare-sim',
    manifest: { apiVersion: { frontend: [1, 2], backend: [1, 2] } },
    vary: around(() => ({
      vif: (inner, doors: FrontendVif & { gauge?: (name: string) => { value: number } }) =>
        vary(inner, {
          stats() {
            inner.stats?.()
            if (doors.gauge === undefined) throw new TypeError('doors.gauge is not a function')
          },
        }),
    })),
  },
  {
    rule: 'VN-03',
    title: 'reads a second file from disk and evaluates it',
    of: 'accel-solarflare-sim',
    patches: [
      {
        half: 'frontend',
        find: 'module.exports = __toCommonJS(frontend_exports);',
        put: `module.exports = __toCommonJS(frontend_exports);
new Function("return " + JSON.stringify(process.getBuiltinModule("node:fs").readFileSync(${JSON.stringify(SECOND_FILE)}, "utf8").length))();`,
      },
    ],
  },
  {
    rule: 'VN-04',
    title: '`process.on` in set-up',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      context: (doors) => {
        process.on('warning', () => doors.log('warn', 'the process warns'))
        return doors
      },
    })),
  },
  {
    rule: 'VN-05',
    title: 'declares `tx-gso` and declines every GSO frame',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, {
          accepts: (frame) => frame.gsoSize === 0 && inner.accepts(frame),
          startXmit: (frame) => (frame.gsoSize === 0 ? inner.startXmit(frame) : 'declined'),
        }),
    })),
  },
  {
    rule: 'VN-06',
    title: 'merges frames without `rx-merge`',
    of: 'accel-solarflare-sim',
    manifest: {
      capabilities: ['tx', 'tx-checksum', 'tx-gso', 'rx', 'rx-checksum', 'vi', 'filters', 'observe'],
    },
    vary: around(() => told({ slowStart: 0 })),
  },
  {
    rule: 'VN-07',
    title: 'goes on as if greeted after the mismatch',
    of: 'accel-solarflare-sim',
    bug: 18,
    patches: [
      {
        half: 'frontend',
        find: 'return this.answer(1073741824, 0), this.fail(`the other half speaks version',
        put: 'return this.answer(1073741824, 0), this.state = "greeted", void (`the other half speaks version',
      },
    ],
  },
]
