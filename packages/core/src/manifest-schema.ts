// The JSON Schema of the "netaccel" object of a plugin's package.json. `scripts/write-rules.mjs` writes it to
// manifest.schema.json, which the package publishes; a test compares the two.

/** Every capability that a manifest may declare, with what it stands for. */
export const CAPABILITIES = {
  tx: 'Accepts frames for transmission.',
  'tx-checksum': 'Fills in a blank transport checksum of an accepted frame.',
  'tx-gso': 'Cuts accepted GSO frames into wire segments.',
  rx: 'Delivers received frames.',
  'rx-checksum': 'Says of received frames that their transport checksum is verified.',
  'rx-merge': 'Merges received segments of one flow into GSO frames.',
  queues: 'Works on every queue of a vif, not on queue 0 alone.',
  vi: 'Creates virtual interfaces on the port.',
  filters: 'Inserts receive filters, so that the NIC delivers flows to a VI.',
  observe: 'Looks at the frames of a port or of a guest.',
  peers: 'Grants to, maps from and opens channels to domains other than the peer of the vif.',
} as const

const artefact = {
  type: 'string',
  pattern: '^\\./(?!(?:.*/)?\\.\\.(?:/|$)).+\\.c?js$',
  description: 'Path of a bundled one-file CommonJS artefact, relative to the package, beginning with "./".',
} as const

const range = {
  type: 'array',
  items: { type: 'integer', minimum: 1 },
  minItems: 2,
  maxItems: 2,
  description: 'Lowest and highest version of the contract that the half works at, both included.',
} as const

export const MANIFEST_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'urn:netaccel:schema:plugin:1',
  title: 'netaccel plugin',
  description: 'The "netaccel" object of the package.json of an accelerator plugin.',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'apiVersion', 'capabilities'],
  anyOf: [{ required: ['frontend'] }, { required: ['backend'] }, { required: ['hardware'] }],
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9_.-]{0,62}$',
      description: 'The word that the store keys accel-frontend and control/accel-module/<name> hold.',
    },
    apiVersion: {
      type: 'object',
      additionalProperties: false,
      properties: { frontend: range, backend: range },
    },
    frontend: artefact,
    backend: artefact,
    hardware: artefact,
    capabilities: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', enum: Object.keys(CAPABILITIES) },
    },
    uses: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^node:(?!(?:module|vm|repl|worker_threads|cluster|child_process)$)[a-z_/]+$',
      },
      description: 'Modules of Node that the artefacts require; none that brings other code in.',
    },
    counters: {
      type: 'object',
      propertyNames: { pattern: '^[a-z][a-z0-9_]{0,62}$' },
      additionalProperties: { type: 'string', minLength: 1 },
      description: 'Counters that the plugin keeps: name to the sentence that status and explain print.',
    },
  },
} as const
