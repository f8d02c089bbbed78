// FL: receive filters, and what hardware that a plugin brings owes the host.
import type {
  AcceleratedPort,
  Filter,
  FilterStatus,
  FlowKey,
  Frame,
  HardwareContext,
  Vi,
} from '@netaccel/core'
import { copyBytes, ETHERTYPE_IPV4, PacketInfo, parsePacket, wordsOf } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { throughout } from './throughout.js'
import { told } from './told.js'

/** Frames that a port which releases too early copies into. */
const COPIES = 256
const COPY_BYTES = 2048
/** Of so many frames on the wire one is sent twice. */
const DOUBLED = 1000

export const filtersSaboteurs: readonly Saboteur[] = [
  {
    rule: 'FL-01',
    title: 'reads the ports of a second fragment',
    of: 'accel-solarflare-sim',
    bug: 5,
    patches: [
      {
        half: 'backend',
        find: '|| info.vlanTags > 0 || !info.l4) return !1;',
        put: `|| info.vlanTags > 0 || info.protocol !== 6 && info.protocol !== 17) return !1;
    if (!info.l4) info.destinationPort = view.getUint16(offset + info.l3Offset + info.ipHeaderLength + 2);`,
      },
    ],
  },
  {
    rule: 'FL-02',
    title: 'takes the source side of a passing frame',
    of: 'accel-solarflare-sim',
    vary: around(() => takingSources()),
  },
  {
    rule: 'FL-03',
    title: 'loses one of its places at each refusal',
    of: 'accel-solarflare-sim',
    bug: 3,
    patches: [
      {
        half: 'backend',
        find: 'place.left || (this.vacate(place), answer !== "closed" && (',
        put: 'place.left || (answer === "closed" && this.vacate(place), answer !== "closed" && (',
      },
    ],
  },
  {
    rule: 'FL-04',
    title: 'compares the destination that a hint names with the address of the guest',
    of: 'accel-solarflare-sim',
    bug: 1,
    patches: [
      {
        half: 'backend',
        find: 'this.refuse() : this.events.unwanted(hint.ip',
        put: 'this.refuse() : hint.mac.low === Number.parseInt(this.vif.mac.slice(6).replaceAll(":", ""), 16) && this.events.unwanted(hint.ip',
      },
    ],
  },
  {
    rule: 'FL-05',
    title: 'a random filter gives way, whatever traffic it carries',
    of: 'accel-solarflare-sim',
    bug: 14,
    vary: around(() => told({ replacement: 'random' })),
  },
  {
    rule: 'FL-06',
    title: 'a duplicate stops the wake-ups of all',
    of: 'accel-vmdq-sim',
    bug: 4,
    vary: around(() => ({ hardware: (inner) => stoppedByDuplicates(inner) })),
  },
  {
    rule: 'FL-07',
    title: 'releases a frame when it is queued',
    of: 'accel-vmdq-sim',
    vary: around(() => ({ hardware: (inner, context) => releasingEarly(inner, context) })),
  },
  {
    rule: 'FL-08',
    title: 'says at once that everything is handed over',
    of: 'accel-vmdq-sim',
    vary: around(() => ({ hardware: (inner) => vary(inner, { handedOver: () => Promise.resolve() }) })),
  },
  {
    rule: 'FL-09',
    title: `sends one frame of ${DOUBLED} twice`,
    of: 'accel-vmdq-sim',
    vary: around(() => ({ hardwareContext: (context) => doublingWire(context) })),
  },
]

/** Every VI's wake-ups end with the first filter that was there already. */
function stoppedByDuplicates(inner: AcceleratedPort): AcceleratedPort {
  const { vis, filters } = inner
  if (vis === undefined || filters === undefined) return inner
  let stopped = false
  const plainOf = new Map<Vi, Vi>()
  return vary(inner, {
    vis: vary(vis, {
      create(request) {
        const vi = vis.create(request)
        if (typeof vi === 'string') return vi
        const varied = vary(vi, { onWake: (woken) => vi.onWake(() => (stopped ? undefined : woken())) })
        plainOf.set(varied, vi)
        return varied
      },
    }),
    filters: vary(filters, {
      insert(key, vi): Filter | FilterStatus {
        const answer = filters.insert(key, plainOf.get(vi) ?? vi)
        stopped ||= answer === 'duplicate'
        return answer
      },
    }),
  })
}

/** What is sent is a copy; the frame itself goes back to the bridge before the copy has left. */
function releasingEarly(inner: AcceleratedPort, context: HardwareContext): AcceleratedPort {
  const pool = context.pool(COPIES, COPY_BYTES)
  const words = wordsOf(pool.arena.bytes, pool.arena.view)
  return vary(inner, {
    transmit(frame) {
      const copy = frame.length > COPY_BYTES ? undefined : pool.take()
      if (copy === undefined) return inner.transmit(frame)
      copyBytes(words, copy.offset, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
      copy.length = frame.length
      copy.checksum = frame.checksum
      const answer = inner.transmit(copy)
      if (answer === 'full') copy.release()
      else context.after(0, () => frame.release())
      return answer
    },
  })
}

/** The copy goes back to a pool of its own when it has left, as any frame of the port's. */
function doublingWire(context: HardwareContext): HardwareContext {
  const pool = context.pool(COPIES, COPY_BYTES)
  const words = wordsOf(pool.arena.bytes, pool.arena.view)
  const { wire } = context
  let sent = 0
  return vary(context, {
    wire: vary(wire, {
      send(frame) {
        const answer = wire.send(frame)
        if (answer === 'full' || ++sent % DOUBLED !== 0 || frame.length > COPY_BYTES) return answer
        const copy = pool.take()
        if (copy === undefined) return answer
        copyBytes(words, copy.offset, wordsOf(frame.bytes, frame.view), frame.offset, frame.length)
        copy.length = frame.length
        if (wire.send(copy) === 'full') copy.release()
        return answer
      },
    }),
  })
}

/** The ends that frames of others were seen to come from are taken for the guest's own. */
function takingSources(): Around {
  const info = new PacketInfo()
  let passing: { from: string; key: FlowKey } | undefined
  const seen = (frame: Frame): void => {
    if (!parsePacket(frame, info) || !info.l4 || info.etherType !== ETHERTYPE_IPV4) return
    const { view, offset } = frame
    const from = macAt(frame)
    const source = [12, 13, 14, 15].map((at) => view.getUint8(offset + info.l3Offset + at)).join('.')
    const port = view.getUint16(offset + info.l4Offset)
    passing = {
      from,
      key: { protocol: info.protocol === 6 ? 6 : 17, destination: source, destinationPort: port },
    }
  }
  return {
    backend: (inner) =>
      vary(inner, {
        openPort(port) {
          const isOurs = inner.openPort(port)
          if (isOurs) port.observe({ received: seen, transmitted: seen })
          return isOurs
        },
      }),
    backendVif: (vif) =>
      throughout(vif, (doors) => ({
        insertFilter: (key, vi) =>
          doors.insertFilter(passing?.from === doors.mac ? key : (passing?.key ?? key), vi),
      })),
  }
}

function macAt({ view, offset }: Frame): string {
  return [6, 7, 8, 9, 10, 11]
    .map((at) =>
      view
        .getUint8(offset + at)
        .toString(16)
        .padStart(2, '0'),
    )
    .join(':')
}
