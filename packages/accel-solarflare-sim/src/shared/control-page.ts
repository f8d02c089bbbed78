import type { View } from '@netaccel/core'

/**
 * Byte of the control page that holds the port's MTU, u32, behind the 28 bytes of the original's; 0: not said. Ours: the
 * original exchanged no MTU, and a frame above the port's would be discarded by the NIC. A change of it is announced as
 * one of the link is.
 */
const CONTROL_MTU = 28

/** The word of the control page that `MessagePages` does not know of. */
export class MtuWord {
  private readonly view: DataView
  private readonly at: number

  constructor(control: View) {
    this.view = control.view
    this.at = control.offset + CONTROL_MTU
  }

  /** The port's MTU; undefined: not said, or no MTU. */
  read(): number | undefined {
    const mtu = this.view.getUint32(this.at, true)
    return mtu >= 68 && mtu <= 65535 ? mtu : undefined
  }

  write(mtu: number): void {
    this.view.setUint32(this.at, mtu, true)
  }
}
