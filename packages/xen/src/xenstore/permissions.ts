// Permissions of a node: docs/misc/xenstore.txt, perm_for_conn() and do_set_perms() of xenstored.

/** n: none, r: read, w: write, b: both. */
export type PermLetter = 'n' | 'r' | 'w' | 'b'

/** The first entry of a list names the owner, and what everyone without an entry may do. */
export interface Perm {
  readonly domid: number
  readonly letter: PermLetter
}

export const READ = 1
export const WRITE = 2
export const OWNER = 4

const BITS: Readonly<Record<PermLetter, number>> = { n: 0, r: READ, w: WRITE, b: READ | WRITE }

/** Who asks. Privileged: domain 0, and every client of a socket. */
export interface Principal {
  readonly domid: number
  readonly privileged: boolean
}

/** READ, WRITE and OWNER as far as the asker has them. */
export function access(perms: readonly Perm[], who: Principal): number {
  const first = perms[0]
  if (first === undefined || who.privileged || first.domid === who.domid) return READ | WRITE | OWNER
  for (let index = 1; index < perms.length; index++) {
    const perm = perms[index]
    if (perm.domid === who.domid) return BITS[perm.letter]
  }
  return BITS[first.letter]
}

export function formatPerm(perm: Perm): string {
  return `${perm.letter}${perm.domid}`
}

/** "r5" and its like; undefined for anything else. */
export function parsePerm(text: string): Perm | undefined {
  const match = /^([nrwb])(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const domid = Number(match[2])
  return domid > 0x7fff ? undefined : { domid, letter: match[1] as PermLetter }
}
