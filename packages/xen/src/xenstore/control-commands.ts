// The commands of CONTROL that mean something here: docs/misc/xenstore.txt, and xenstored_control.c of the daemon.
import type { StoreQuotas } from './quotas.js'
import type { StoreTree } from './tree.js'

interface Control {
  readonly tree: StoreTree
  readonly quotas: StoreQuotas
}

const COMMANDS: Readonly<Record<string, (control: Control) => string>> = {
  check: ({ tree }) => (tree.isConsistent() ? 'OK' : 'the tree is damaged: child lists and nodes do not fit'),
  help: () => `commands: ${Object.keys(COMMANDS).join(' ')}`,
  quota: ({ quotas }) =>
    Object.entries(quotas)
      .map(([name, limit]) => `${name}: ${limit}\n`)
      .join(''),
}

/** What the command answers; undefined: there is no such command. Arguments mean nothing to those that there are. */
export function control(command: string, server: Control): string | undefined {
  return Object.hasOwn(COMMANDS, command) ? COMMANDS[command](server) : undefined
}
