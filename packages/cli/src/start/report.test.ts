import { describe, expect, it } from 'vitest'
import { phasesOf } from './experiment.js'
import { htmlReport } from './report-html.js'
import { conclude, EXIT_OF, phaseReport, probeFastShare } from './report.js'
import type { Phase, Report } from './report.js'
import { short } from '../show/columns.js'

const path = (tcpPayloadBytes: number, udpFrames: number) => ({ segments: 1, tcpPayloadBytes, udpFrames })

function phase(
  name: string,
  loaded: boolean,
  tx: [number, number],
  rx: [number, number],
  udp: [number, number],
): Phase {
  const all = {
    tx: { slow: path(tx[0], udp[0]), fast: path(tx[1], udp[1]) },
    rx: { slow: path(rx[0], udp[0] + 10), fast: path(rx[1], udp[1] - 10) },
  }
  return { name, loaded, span: { from: 0, seconds: 2, guests: [], all } }
}

const phases = [
  phase('slow', false, [1e9, 0], [1e9, 0], [500, 10]),
  phase('fast', true, [100, 1e9], [100, 1e9 - 100], [10, 990]),
]

describe('the phases', () => {
  it('are a slow and a fast one a cycle', () => {
    const names = (cycles: number): string[] => phasesOf(cycles).map(({ name }) => name)
    expect(names(1)).toEqual(['slow', 'fast'])
    expect(names(2)).toEqual(['slow', 'fast', 'slow again', 'fast again'])
    expect(names(3)).toEqual(['slow', 'fast', 'slow 2', 'fast 2', 'slow 3', 'fast 3'])
    expect(phasesOf(2).map(({ loaded }) => loaded)).toEqual([false, true, false, true])
  })
})

describe('the report', () => {
  it('gives payload by path, and what was delivered a second', () => {
    expect(phaseReport(phases[1])).toEqual({
      name: 'fast',
      seconds: 2,
      gbps: 4,
      tcpPayloadBytes: { tx: { slow: 100, fast: 1e9 }, rx: { slow: 100, fast: 1e9 - 100 } },
    })
  })

  it('takes the share of the probe from the phases with the accelerator, at its worse end', () => {
    expect(probeFastShare(phases)).toBe(980 / 1000)
    expect(probeFastShare(phases.slice(0, 1))).toBe(0)
  })
})

describe('the verdict', () => {
  const clean = {
    judged: 'nothing lost',
    probe: { sent: 9, lost: 0, doubled: 0, reordered: 4 },
    ping: { sent: 9, lost: 0, doubled: 0 },
    doubts: [],
  } as const

  it.each([
    ['all is well', {}, 'nothing lost', 0],
    ['the world lost something', { judged: 'lost' }, 'lost', 1],
    ['the world lost something, and there are doubts', { judged: 'lost', doubts: ['x'] }, 'lost', 1],
    ['the kernel dropped something', { doubts: ['x'] }, 'inconclusive', 3],
    [
      'a probe is missing and the kernel may have it',
      { doubts: ['x'], probe: { ...clean.probe, lost: 1 } },
      'inconclusive',
      3,
    ],
    ['a probe is missing', { probe: { ...clean.probe, lost: 1 } }, 'lost', 1],
    ['a probe came twice', { probe: { ...clean.probe, doubled: 1 } }, 'lost', 1],
    ['a ping is missing', { ping: { ...clean.ping, lost: 1 } }, 'lost', 1],
    ['a ping came twice', { ping: { ...clean.ping, doubled: 1 } }, 'lost', 1],
    ['the world cannot tell', { judged: 'inconclusive' }, 'inconclusive', 3],
  ] as const)('when %s', (_when, change, verdict, status) => {
    expect(conclude({ ...clean, ...change })).toBe(verdict)
    expect(EXIT_OF[verdict]).toBe(status)
  })
})

describe('report.html', () => {
  const report: Report = {
    verdict: 'nothing lost',
    phases: phases.map(phaseReport),
    probe: { sent: 1, lost: 0, doubled: 0, reordered: 0, fastShare: 0.98 },
    ping: { sent: 1, lost: 0, doubled: 0 },
    tcp: { retransmits: null },
    switches: { count: 1, reordered: 0 },
    stolenSeconds: 0,
    dropped: { nic_rx_closed: 3 },
    beforeUs: 0,
    left: { grants: 0, ports: 0, watches: 0, vis: 0, filters: 0, leases: 0, pages: 0 },
  }
  const html = htmlReport({
    report,
    experiment: {
      phases,
      samples: phases.map(({ span }) => span),
      events: [{ at: 1, text: 'a </script><b>', mark: 'load' }],
      switches: report.switches,
      drained: true,
      whole: true,
    },
    remarks: ['5 < 6 & "so"'],
    description: 'TCP',
    options: { phaseSeconds: 2, cycles: 2, seed: 7, replay: false, out: '.', json: false },
  })

  it('holds all that it shows, and asks for nothing', () => {
    expect(html).not.toMatch(/<script[^>]+src=|<link|https?:\/\/(?!(?:www\.w3\.org|github\.com|leeoniya))/)
    expect(html).toContain('var uPlot=')
    expect(html).toContain('nic_rx_closed 3')
  })

  it('lets no text end a script or begin an element', () => {
    expect(html).toContain('5 &lt; 6 &amp; &quot;so&quot;')
    expect(html).not.toContain('</script><b>')
    const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
    expect(JSON.parse(data)).toMatchObject({
      seconds: [2, 2],
      slowGbps: [4, (100 * 8) / 2 / 1e9],
      events: [{ at: 1, text: 'a </script><b>', mark: 'load' }],
    })
  })
})

it.each([
  [0, '0'],
  [999, '999'],
  [12_340, '12.3k'],
  [4_560_000, '4.56M'],
])('writes %s as %s', (value, text) => {
  expect(short(value)).toBe(text)
})
