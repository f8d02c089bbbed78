import { vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'

/** A half that was given other options than the host gave it: defects that are a wrong constant. */
export function told(options: Readonly<Record<string, unknown>>): Around {
  return {
    context: (doors) => vary(doors, { options: { ...doors.options, ...options } }),
  }
}
