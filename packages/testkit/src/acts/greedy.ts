import type { BackendVif } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Greedy {
  readonly scene: Scene
  /** The backend half has told the host of a guest that broke the protocol. */
  readonly punished: boolean
  /** Where the vifs of the same host stood afterwards that had done nothing. */
  readonly others: readonly { readonly vif: string; readonly phase: string }[]
}

/** After which others would have noticed. */
const LATER_MS = 20
const ATTACH_MS = 6000
/** So many pages are the greedy guest's quota once it has been told of more. */
const FEW = 8

/** The greedy guest is one whose quota shrinks after it was told: what it then asks for is too much. */
export const greedy: Act<Greedy> = {
  name: 'greedy',
  title: 'a guest asks for more than its quota beside one that does not',
  async run(kit) {
    let punished = false
    const bench = await kit.bench({
      value: (value) => ({
        ...value,
        hosts: Object.fromEntries(
          Object.entries(value.hosts).map(([name, host]) => [
            name,
            name !== 'a'
              ? host
              : {
                  ...host,
                  guests: { ...host.guests, greedy: { vifs: { vif0: { mac: GREEDY_MAC } } } },
                  links: [...(host.links ?? []), 'greedy.vif0 -> bridge'],
                },
          ]),
        ),
      }),
      rig: around(() => ({
        backendVif: (doors) => (doors.mac === GREEDY_MAC ? shrinking(doors, () => (punished = true)) : doors),
      })),
    })
    await bench.load(['a'])
    await bench.world.setAccel('a.greedy.vif0', 'eth0')
    await bench.until(() => punished, ATTACH_MS)
    await bench.for(LATER_MS)
    const others = bench.vifs
      .filter(({ path }) => path === 'a.guest1.vif0')
      .map(({ path, phase }) => ({ vif: path, phase }))
    return { scene: await bench.finish('greedy'), punished, others }
  },
}

const GREEDY_MAC = '00:16:3e:00:00:66'

function shrinking(doors: BackendVif, punish: () => void): BackendVif {
  const { limits } = doors
  let asked = 0
  return vary(doors, {
    get limits() {
      asked += 1
      return asked === 1 ? limits : { ...limits, bufferPages: FEW }
    },
    punish(evidence) {
      punish()
      doors.punish(evidence)
    },
  })
}
