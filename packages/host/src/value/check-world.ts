import { Ajv, type ErrorObject } from 'ajv'
import { HostError } from '../errors.js'
import { parseSentence } from './sentence.js'
import { worldSchema } from './world-schema.js'
import type { HostValue, WorldValue } from './world-value.js'

const validate = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true }).compile(worldSchema)

/**
 * Check a world value whole, before anything is built.
 *
 * @throws HostError BAD_VALUE with every problem found: where it stands, what is wrong, what would be right.
 */
export function checkWorld(value: unknown): WorldValue {
  if (!validate(value)) fail((validate.errors ?? []).filter(isCause).map(describe))
  const world = value as WorldValue
  const problems = [
    ...findMacTwins(world),
    ...Object.entries(world.hosts).flatMap(findBadLinks),
    ...findBadWires(world),
  ]
  if (problems.length > 0) fail(problems)
  return world
}

function fail(problems: readonly string[]): never {
  throw new HostError('BAD_VALUE', `The world cannot be built: ${problems.join(' ')}`, problems)
}

/** ajv adds an error for each alternative of an `anyOf` and for the `anyOf` itself; one of them says enough. */
function isCause(error: ErrorObject): boolean {
  return error.keyword !== 'anyOf' && error.keyword !== 'propertyNames'
}

function describe(error: ErrorObject): string {
  const where = error.instancePath === '' ? 'the world' : error.instancePath.slice(1).replaceAll('/', '.')
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {})
      const hint = known.length > 0 ? ` Known here: ${known.join(', ')}.` : ''
      return `${where} has an unknown key "${String(error.params['additionalProperty'])}".${hint}`
    }
    case 'required':
      return `${where} lacks "${String(error.params['missingProperty'])}".`
    case 'enum':
      return `${where} must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}.`
    case 'pattern':
      return where.endsWith('.mac')
        ? `${where} is no interface's MAC address; write six bytes as "00:16:3e:00:00:01", the first of them even.`
        : `${where} has a name that is not letters, digits, "_" or "-" (at most 15, a letter first).`
    default:
      return `${where} ${error.message ?? 'is not valid'}.`
  }
}

function findMacTwins(world: WorldValue): string[] {
  const owners = new Map<string, string>()
  const problems: string[] = []
  const claim = (mac: string, owner: string): void => {
    const first = owners.get(mac.toLowerCase())
    if (first === undefined) owners.set(mac.toLowerCase(), owner)
    else problems.push(`${owner} has the MAC ${mac} of ${first}; give each vif and NIC its own.`)
  }
  for (const [hostName, host] of Object.entries(world.hosts)) {
    for (const [name, nic] of Object.entries(host.nics ?? {})) claim(nic.mac, `${hostName}.${name}`)
    for (const [guestName, guest] of Object.entries(host.guests ?? {})) {
      for (const [name, vif] of Object.entries(guest.vifs)) claim(vif.mac, `${hostName}.${guestName}.${name}`)
    }
  }
  return problems
}

function vifsOf(host: HostValue): string[] {
  return Object.entries(host.guests ?? {}).flatMap(([guest, value]) =>
    Object.keys(value.vifs).map((vif) => `${guest}.${vif}`),
  )
}

/** The ports of a host that a link may name, without the bridge. */
function portsOf(host: HostValue): string[] {
  return [...vifsOf(host), ...Object.keys(host.nics ?? {})]
}

function findBadLinks([hostName, host]: [string, HostValue]): string[] {
  const problems: string[] = []
  const ports = portsOf(host)
  const used = new Set<string>()
  for (const text of host.links ?? []) {
    const link = parseSentence(text)
    const where = `hosts.${hostName}.links: "${text}"`
    if (link === undefined) problems.push(`${where} is no link; write "guest1.vif0 -> bridge".`)
    else if (link.to !== 'bridge') problems.push(`${where} leads to "${link.to}"; a link leads to "bridge".`)
    else if (!ports.includes(link.from)) {
      problems.push(`${where} names no port of this host; it has ${ports.join(', ') || 'none'}.`)
    } else if (used.has(link.from)) problems.push(`${where} plugs ${link.from} in twice.`)
    else used.add(link.from)
  }
  for (const vif of vifsOf(host)) {
    if (!used.has(vif))
      problems.push(`hosts.${hostName}: ${vif} is plugged into nothing; add the link "${vif} -> bridge".`)
  }
  return problems
}

function findBadWires(world: WorldValue): string[] {
  const nics = Object.entries(world.hosts).flatMap(([host, value]) =>
    Object.keys(value.nics ?? {}).map((nic) => `${host}.${nic}`),
  )
  const used = new Set<string>()
  const problems: string[] = []
  for (const wire of world.wires ?? []) {
    const text = typeof wire === 'string' ? wire : wire.link
    const link = parseSentence(text)
    if (link === undefined) {
      problems.push(`wires: "${text}" is no wire; write "a.eth0 -> b.eth0".`)
      continue
    }
    for (const end of [link.from, link.to]) {
      if (!nics.includes(end))
        problems.push(`wires: "${text}" names no NIC "${end}"; there are ${nics.join(', ') || 'none'}.`)
      else if (used.has(end)) problems.push(`wires: "${text}" uses ${end}, which has a wire already.`)
      used.add(end)
    }
    const [one, two] = [link.from, link.to].map((end) => mtuOf(world, end))
    if (one !== two)
      problems.push(`wires: "${text}" joins an MTU of ${one} to one of ${two}; give both NICs the same.`)
  }
  return problems
}

const DEFAULT_MTU = 1500

function mtuOf(world: WorldValue, path: string): number {
  const [host = '', nic = ''] = path.split('.')
  return world.hosts[host]?.nics?.[nic]?.mtu ?? DEFAULT_MTU
}
