import { describe, expect, it } from 'vitest'
import { makeVif, testHost } from './testing/two-domains.js'
import { XenbusRegistration } from './xenbus-driver.js'
import { parseXenbusState, XenbusState, xenbusStateName } from './xenbus-state.js'
import { XenbusDevice } from './xenbus.js'

const { Initialising, InitWait, Connected, Closing, Closed, Unknown } = XenbusState

async function pair() {
  const host = await testHost(1)
  const [guest] = host.guests
  const paths = await host.wait(makeVif(host.dom0, guest))
  const front = (await host.wait(XenbusDevice.open(guest, 'frontend', 'device/vif/0')))!
  const back = (await host.wait(XenbusDevice.open(host.dom0, 'backend', 'backend/vif/1/0')))!
  return { ...host, guest, paths, front, back }
}

describe('states', () => {
  it('are decimal strings; anything else is Unknown', () => {
    expect(parseXenbusState('4')).toBe(Connected)
    for (const text of [undefined, '', '9', '-1', '04', '4 ', 'x'])
      expect(parseXenbusState(text)).toBe(Unknown)
    expect(xenbusStateName(Closing)).toBe('Closing')
  })
})

describe('XenbusDevice', () => {
  it('knows its other end by its own directory', async () => {
    const { guest, dom0, front, back, paths, wait } = await pair()
    expect([front.otherend, front.otherendId, front.state]).toEqual([paths.back, 0, Initialising])
    expect([back.otherend, back.otherendId]).toEqual([paths.front, 1])
    expect(await wait(XenbusDevice.open(guest, 'frontend', 'device/vif/9'))).toBeUndefined()
    await wait(dom0.store.write(`${paths.front}/backend-id`, 'x'))
    expect(await wait(XenbusDevice.open(guest, 'frontend', 'device/vif/0'))).toBeUndefined()
  })

  it('switchState writes a changed state, and never makes a removed node anew', async () => {
    const { clock, dom0, front, paths, wait } = await pair()
    const events: string[] = []
    await wait(dom0.store.watch(`${paths.front}/state`, (path) => void events.push(path)))
    expect(await wait(front.switchState(Connected))).toBe(true)
    expect(await wait(front.switchState(Connected))).toBe(true)
    await clock.run()
    expect(events).toHaveLength(2)
    expect(await wait(dom0.store.read(`${paths.front}/state`))).toBe('4')
    await wait(dom0.store.rm(paths.front))
    expect(await wait(front.switchState(Closed))).toBe(false)
    expect(await wait(dom0.store.read(`${paths.front}/state`))).toBeUndefined()
  })

  it('tells each state of the other end once, also the last: that the node is gone', async () => {
    const { clock, guest, dom0, front, back, paths, wait } = await pair()
    const seen: number[] = []
    await wait(back.onOtherendChanged((state) => void seen.push(state)))
    await clock.run()
    await wait(front.switchState(Connected))
    await clock.run()
    await wait(guest.store.write('device/vif/0/state', '4'))
    await wait(guest.store.write('device/vif/0/state', 'nonsense'))
    await clock.run()
    expect(seen).toEqual([Initialising, Connected, Unknown])
    await wait(front.switchState(Closing))
    await wait(dom0.store.rm(paths.front))
    await clock.run()
    expect(back.otherendState).toBe(Unknown)
    await wait(back.close())
    expect(dom0.resources().watches).toBe(0)
  })

  it('XSA-349: a peer that rewrites its state without end keeps one event pending', async () => {
    const { clock, guest, back, wait } = await pair()
    let running = 0
    let calls = 0
    let release = (): void => {}
    await wait(
      back.onOtherendChanged(async () => {
        expect(++running).toBe(1)
        calls++
        await new Promise<void>((resolve) => {
          release = resolve
        })
        running--
      }),
    )
    await clock.run()
    for (let round = 0; round < 300; round++)
      await wait(guest.store.write('device/vif/0/state', String(1 + (round % 6))))
    await clock.run()
    expect(calls).toBe(1)
    release()
    await clock.run()
    expect(calls).toBe(2)
    release()
    await clock.run()
    expect(calls).toBe(2)
  })

  it('fatal() writes the error node and turns to Closing', async () => {
    const { guest, dom0, front, paths, wait } = await pair()
    await wait(front.fatal(22, 'reading tx-ring-ref'))
    expect(await wait(guest.store.read('error/device/vif/0/error'))).toBe('22 reading tx-ring-ref')
    expect(await wait(dom0.store.read(`${paths.front}/state`))).toBe('5')
    expect(front.failure).toBe('22 reading tx-ring-ref')
  })

  it('a handler that throws an error with a code ends the device, any other ends the run', async () => {
    const { clock, dom0, guest, back, paths, wait } = await pair()
    await wait(
      back.onOtherendChanged(() => {
        guest.events.close(999)
      }),
    )
    await clock.run()
    expect(await wait(dom0.store.read(`${paths.back}/state`))).toBe('5')
    expect(await wait(dom0.store.read('error/backend/vif/1/0/error'))).toMatch(
      /^5 domain 1 has no open port 999/,
    )
    const front = (await wait(XenbusDevice.open(guest, 'frontend', 'device/vif/0')))!
    // The step of the handler may come while the watch is being set, or later.
    const fault = async (): Promise<void> => {
      await wait(
        front.onOtherendChanged(() => {
          throw new TypeError('a fault in the driver')
        }),
      )
      await clock.run()
    }
    await expect(fault()).rejects.toThrow('a fault in the driver')
  })
})

describe('XenbusRegistration', () => {
  /** A driver that writes down what happens to it. */
  function recorder() {
    const log: string[] = []
    const devices = new Map<string, XenbusDevice>()
    const driver = {
      probe: async (device: XenbusDevice) => {
        log.push(`probe ${device.nodename}`)
        devices.set(device.nodename, device)
        await device.onOtherendChanged(
          (state) => void log.push(`${device.nodename} sees ${xenbusStateName(state)}`),
        )
      },
      remove: (device: XenbusDevice) => void log.push(`remove ${device.nodename}`),
    }
    return { log, driver, devices }
  }

  it('probes what is there and what comes, removes what goes, on both sides', async () => {
    const { clock, dom0, guests, wait } = await testHost(2)
    const [one, two] = guests
    await wait(makeVif(dom0, one, 0))
    const front = recorder()
    const back = recorder()
    const backs = new XenbusRegistration(dom0, back.driver, { side: 'backend', type: 'vif' })
    const fronts = new XenbusRegistration(one, front.driver, { side: 'frontend', type: 'vif' })
    await wait(Promise.all([backs.start(), fronts.start()]))
    await clock.run()
    expect(front.log).toEqual(['probe device/vif/0', 'device/vif/0 sees Initialising'])
    expect(back.log).toEqual(['probe backend/vif/1/0', 'backend/vif/1/0 sees Initialising'])
    const late = await wait(makeVif(dom0, two, 3))
    await clock.run()
    expect(back.log.slice(2)).toEqual(['probe backend/vif/2/3', 'backend/vif/2/3 sees Initialising'])
    expect(backs.devices.map((device) => device.otherendId)).toEqual([1, 2])
    await wait(dom0.store.rm(late.front))
    await wait(dom0.store.rm(late.back))
    await clock.run()
    expect(back.log.slice(4)).toEqual(['backend/vif/2/3 sees Unknown', 'remove backend/vif/2/3'])
    await wait(fronts.stop())
    await wait(backs.stop())
    expect(front.log.at(-1)).toBe('remove device/vif/0')
    expect(back.log.at(-1)).toBe('remove backend/vif/1/0')
    expect([dom0.resources().watches, one.resources().watches]).toEqual([0, 0])
  })

  it('probes a directory that was removed and made again', async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const { log, driver, devices } = recorder()
    const fronts = new XenbusRegistration(guests[0], driver, { side: 'frontend', type: 'vif' })
    await wait(fronts.start())
    const { front } = await wait(makeVif(dom0, guests[0]))
    await clock.run()
    await wait(devices.get('device/vif/0')!.switchState(Closed))
    const again = async (): Promise<void> => {
      await dom0.store.rm(front)
      await makeVif(dom0, guests[0])
    }
    await wait(again())
    await clock.run()
    expect(log.filter((line) => !line.includes('sees'))).toEqual([
      'probe device/vif/0',
      'remove device/vif/0',
      'probe device/vif/0',
    ])
    expect(guests[0].resources().watches).toBe(2)
  })

  it('does not take a device for another while its state is being written, or waits in an open transaction', async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const [guest] = guests
    const { log, driver, devices } = recorder()
    await wait(new XenbusRegistration(guest, driver, { side: 'frontend', type: 'vif' }).start())
    await wait(makeVif(dom0, guest))
    await clock.run()
    const device = devices.get('device/vif/0')!
    // Straight to Connected in the transaction of its keys, as mini-os does, with a scan before the commit.
    await wait(
      guest.store.transaction(async (tx) => {
        await tx.write('device/vif/0/tx-ring-ref', '8')
        await device.switchState(Connected, tx)
        await guest.store.write('device/vif/0/mtu', '1500')
        await new Promise<void>((resolve) => {
          guest.engine.after(10_000_000, resolve)
        })
      }),
    )
    await clock.run()
    for (const state of [Closing, Closed, Initialising, Connected, Closed]) {
      const switching = device.switchState(state)
      await wait(guest.store.write('device/vif/0/mtu', String(state)))
      await wait(switching)
    }
    await clock.run()
    expect(log.filter((line) => !line.includes('sees'))).toEqual(['probe device/vif/0'])
    expect(device.state).toBe(Closed)
  })

  it('waits for a directory that is still being made', async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const { log, driver } = recorder()
    await wait(new XenbusRegistration(guests[0], driver, { side: 'frontend', type: 'vif' }).start())
    await wait(dom0.store.write('/local/domain/1/device/vif/0/handle', '0'))
    await clock.run()
    expect(log).toEqual([])
    await wait(makeVif(dom0, guests[0]))
    await clock.run()
    expect(log[0]).toBe('probe device/vif/0')
  })

  it('a probe and a remove of one device never overlap; other devices do not wait', async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const log: string[] = []
    let open = (): void => {}
    const driver = {
      probe: async (device: XenbusDevice) => {
        log.push(`probe ${device.nodename}`)
        if (device.nodename.endsWith('0'))
          await new Promise<void>((resolve) => {
            open = resolve
          })
        log.push(`probed ${device.nodename}`)
      },
      remove: (device: XenbusDevice) => void log.push(`remove ${device.nodename}`),
    }
    await wait(new XenbusRegistration(guests[0], driver, { side: 'frontend', type: 'vif' }).start())
    const first = await wait(makeVif(dom0, guests[0], 0))
    await wait(makeVif(dom0, guests[0], 1))
    await clock.run()
    await wait(dom0.store.rm(first.front))
    await clock.run()
    expect(log).toEqual(['probe device/vif/0', 'probe device/vif/1', 'probed device/vif/1'])
    open()
    await clock.run()
    expect(log.slice(3)).toEqual(['probed device/vif/0', 'remove device/vif/0'])
  })

  it('a probe that fails turns its device to Closing and does not stop the others', async () => {
    const { clock, dom0, guests, wait } = await testHost(1)
    const driver = {
      probe: (device: XenbusDevice) => {
        if (device.nodename.endsWith('0')) guests[0].events.close(999)
      },
      remove: () => {
        throw new TypeError('was never probed')
      },
    }
    const fronts = new XenbusRegistration(guests[0], driver, { side: 'frontend', type: 'vif' })
    await wait(fronts.start())
    const first = await wait(makeVif(dom0, guests[0], 0))
    await wait(makeVif(dom0, guests[0], 1))
    await clock.run()
    expect(fronts.devices.map((device) => device.nodename)).toEqual(['device/vif/1'])
    expect(await wait(dom0.store.read(`${first.front}/state`))).toBe(String(Closing))
    await wait(dom0.store.rm(first.front))
    await clock.run()
    expect(InitWait).toBe(2)
  })
})
