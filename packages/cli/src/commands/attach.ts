import type { VifStatus } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { type CommandSpec, type Given, HOST_OPTIONS, isSet } from '../command.js'
import { EXIT_OK } from '../errors.js'

export const attach: CommandSpec = {
  usage: 'attach <vif> <port>',
  says: 'Let a vif use the accelerator of a port: a NIC of its host, or a plugin without hardware',
  options: HOST_OPTIONS,
  example: '  netaccel attach a.guest1.vif0 eth0',
  run: (given) => change(given, 'attach', { vif: given.words[0], port: given.words[1] }, attached),
}

export const detach: CommandSpec = {
  usage: 'detach <vif>',
  says: 'Take a vif from its accelerator; it goes on by the ring',
  options: HOST_OPTIONS,
  example: '  netaccel detach a.guest1.vif0',
  run: (given) => change(given, 'detach', { vif: given.words[0] }, ({ path }) => `${path} goes by the ring`),
}

function change(
  given: Given,
  method: 'attach' | 'detach',
  params: Readonly<Record<string, unknown>>,
  says: (vif: VifStatus) => string,
): Promise<number> {
  return withHost(given, async (client) => {
    const vif = await client.request<VifStatus>(method, params)
    console.log(isSet(given, 'json') ? JSON.stringify(vif) : says(vif))
    return EXIT_OK
  })
}

function attached({ path, port, accelerator }: VifStatus): string {
  return accelerator === null
    ? `${path} asks for the accelerator of ${port}; no loaded plugin has one, so it goes by the ring until one is loaded`
    : `${path} uses ${accelerator} on ${port}`
}
