import { DEADLINES } from '@netaccel/core'
import { COSTS } from '@netaccel/xen'

// JSON Schema of a world value; what it cannot say (names that must exist, MACs that must differ) is in check-world.ts.

/** Six bytes; an interface's own address is no group's, so the lowest bit of the first is 0. */
const mac = { type: 'string', pattern: '^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$' } as const
const mtu = { type: 'integer', minimum: 68, maximum: 9000 } as const
const mebibytes = { type: 'integer', minimum: 1, maximum: 1024 } as const
/** A guest has its rings, buffers for a vif, and room for an accelerator's. */
const guestMemory = { type: 'integer', minimum: 4, maximum: 1024 } as const
const vcpus = { type: 'integer', minimum: 1, maximum: 32 } as const
const queues = { type: 'integer', minimum: 1, maximum: 64 } as const
const lazyCopy = { enum: ['none', 'delayed', 'always', 'netloop'] } as const
const share = { type: 'number', minimum: 0, maximum: 1 } as const
const flag = { type: 'boolean' } as const
const named = { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_-]{0,14}$' } as const

const hash = {
  type: 'object',
  required: ['key'],
  additionalProperties: false,
  properties: {
    key: { type: 'array', maxItems: 40, items: { type: 'integer', minimum: 0, maximum: 255 } },
    types: { type: 'integer', minimum: 0, maximum: 15 },
    mapping: { type: 'array', maxItems: 128, items: { type: 'integer', minimum: 0, maximum: 63 } },
  },
} as const

const vif = {
  type: 'object',
  required: ['mac'],
  additionalProperties: false,
  properties: {
    mac,
    mtu,
    accel: { type: 'string', minLength: 1 },
    queues,
    hash,
    staticGrants: flag,
    features: {
      type: 'object',
      additionalProperties: false,
      properties: { sg: flag, gso: flag, checksum: flag },
    },
  },
} as const

const police = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sourceMac: flag,
    mbps: { type: 'number', minimum: 0 },
    burstBytes: { type: 'number', minimum: 1 },
  },
} as const

const nic = {
  type: 'object',
  required: ['mac'],
  additionalProperties: false,
  properties: {
    kind: { type: 'string', minLength: 1 },
    options: { type: 'object' },
    mac,
    mtu,
    overflow: { enum: ['wait', 'drop'] },
    police,
  },
} as const

const guest = {
  type: 'object',
  required: ['vifs'],
  additionalProperties: false,
  properties: {
    memory: guestMemory,
    vcpus,
    vifs: { type: 'object', propertyNames: named, additionalProperties: vif },
  },
} as const

const driver = {
  type: 'object',
  additionalProperties: false,
  properties: { memory: mebibytes, vcpus, queues, lazyCopy },
} as const

const host = {
  type: 'object',
  additionalProperties: false,
  properties: {
    memory: mebibytes,
    driver,
    nics: { type: 'object', propertyNames: named, additionalProperties: nic },
    guests: { type: 'object', propertyNames: named, additionalProperties: guest },
    misbehaviour: { enum: ['report', 'detach', 'crash'] },
    links: { type: 'array', items: { type: 'string' } },
  },
} as const

const wire = {
  type: 'object',
  required: ['link'],
  additionalProperties: false,
  properties: {
    link: { type: 'string' },
    gbps: { type: 'number', minimum: 0 },
    delayUs: { type: 'number', minimum: 0 },
    loss: share,
    corrupt: share,
    duplicate: share,
    reorder: share,
    flowControl: flag,
  },
} as const

export const worldSchema = {
  type: 'object',
  required: ['hosts'],
  additionalProperties: false,
  properties: {
    seed: { type: 'integer', minimum: 0, maximum: 0xffff_ffff },
    clock: { enum: ['virtual', 'real'] },
    costs: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(COSTS.map((cost) => [cost, { type: 'number', minimum: 0 }])),
    },
    deadlines: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.keys(DEADLINES).map((name) => [name, { type: 'number', minimum: 1, maximum: 60_000 }]),
      ),
    },
    hosts: { type: 'object', minProperties: 1, propertyNames: named, additionalProperties: host },
    wires: { type: 'array', items: { anyOf: [{ type: 'string' }, wire] } },
  },
} as const
