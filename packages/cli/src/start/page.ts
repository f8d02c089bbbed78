/** Style and script of `report.html`, plain CSS and JavaScript for a browser. */

export const PAGE_STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1f2b; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
.verdict { display: inline-block; font-weight: 600; padding: .3rem .9rem; border-radius: .4rem; color: #fff; margin: 0; }
.nothing-lost { background: #1a7f4b; } .lost { background: #b3261e; } .inconclusive { background: #8a6100; }
.remark { border-left: 3px solid #8a6100; padding-left: .7rem; margin: .4rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #d7dbe3; text-align: right; font-weight: normal; }
th { color: #5a6376; } .text { text-align: left; }
.u-legend { text-align: left; }
`

export const PAGE_SCRIPT = `
(() => {
  const data = JSON.parse(document.getElementById('data').textContent)
  const SLOW = '#c2571a', FAST = '#1f5fbf'
  const events = {
    hooks: {
      draw: (u) => {
        const { ctx, bbox } = u
        ctx.save()
        ctx.font = 11 * devicePixelRatio + 'px system-ui, sans-serif'
        ctx.strokeStyle = ctx.fillStyle = '#5a6376'
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio])
        data.events.forEach(({ at, mark }) => {
          const x = u.valToPos(at, 'x', true)
          if (mark === undefined || x < bbox.left || x > bbox.left + bbox.width) return
          ctx.beginPath()
          ctx.moveTo(x, bbox.top)
          ctx.lineTo(x, bbox.top + bbox.height)
          ctx.stroke()
          ctx.save()
          ctx.translate(x - 3 * devicePixelRatio, bbox.top + 4 * devicePixelRatio)
          ctx.rotate(-Math.PI / 2)
          ctx.textAlign = 'right'
          ctx.textBaseline = 'bottom'
          ctx.fillText(mark, 0, 0)
          ctx.restore()
        })
        ctx.restore()
      },
    },
  }
  // Stacked: the upper line is the sum, the fast part is drawn over it.
  const draw = (id, slow, fast, unit, digits) => {
    const sum = slow.map((value, i) => value + fast[i])
    const element = document.getElementById(id)
    const text = (value) => (value == null ? '-' : value.toFixed(digits))
    return new uPlot(
      {
        width: Math.min(960, element.clientWidth || 960),
        height: 280,
        plugins: [events],
        scales: { x: { time: false }, y: { range: (u, low, high) => [0, (high || 1) * 1.05] } },
        axes: [{ label: 's' }, { label: unit, size: 70 }],
        series: [
          { label: 's', value: (u, value) => (value == null ? '-' : value.toFixed(1)) },
          { label: 'slow', stroke: SLOW, fill: SLOW + '55', width: 1.5, value: (u, value, s, i) => text(i == null ? null : slow[i]) },
          { label: 'fast', stroke: FAST, fill: FAST + '99', width: 1.5, value: (u, value, s, i) => text(i == null ? null : fast[i]) },
        ],
      },
      [data.seconds, sum, fast],
      element,
    )
  }
  draw('throughput', data.slowGbps, data.fastGbps, 'Gb/s', 3)
  draw('frames', data.slowRate, data.fastRate, 'segments/s', 0)
})()
`
