import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { metricNames } from '../support/metrics.ts'

let gatehouse: Gatehouse
let names: string[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  names = await metricNames(gatehouse.url)
})
afterAll(() => gatehouse.close())

const read = (path: string) => readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const section = async (title: string) =>
  (await read('docs/operations.md')).split(/^## /m).find((text) => text.startsWith(title)) ?? ''

/** The rows of the table of metrics: the names of each, and its labels. */
const documented = async () =>
  (await section('Metrics'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)))
    .map(([, metrics = [], labels = []]) => ({ metrics, labels }))

/** The metrics in an expression of PromQL, each with the labels that it is selected by. */
const selectorsIn = (expression: string) =>
  [...expression.matchAll(/\b((?:gatehouse|process|nodejs)_\w+?)(?:_bucket|_count|_sum)?(?:\{([^}]*)\}|(?!\w))/g)].map(
    ([, metric = '', matchers = '']) => ({
      metric,
      labels: [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label),
    }),
  )

const dashboard = async (): Promise<{ title: string; targets: { expr: string }[] }[]> =>
  JSON.parse(await read('docs/grafana/gatehouse.json')).panels.filter((panel: { type: string }) => panel.type !== 'row')

const expressions = async () => ({
  dashboard: (await dashboard()).flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  alerts: [...(await read('docs/prometheus/alerts.yml')).matchAll(/expr: (?:>-\n)?([\s\S]*?)\n {8}\w+:/g)].map(
    ([, expr = '']) => expr,
  ),
})

test('the table of metrics has every metric of a server, and no other', async () => {
  const rows = await documented()
  expect(rows.flatMap(({ metrics }) => metrics).sort()).toEqual(names.toSorted())
})

test('the dashboard and the alerts ask for metrics that there are, by labels that these have', async () => {
  const rows = await documented()
  const found = await expressions()
  expect([found.dashboard.length > 30, found.alerts.length]).toEqual([true, 12])
  for (const expression of [...found.dashboard, ...found.alerts]) {
    const selectors = selectorsIn(expression)
    expect(selectors.length, expression).toBeGreaterThan(0)
    for (const { metric, labels } of selectors) {
      expect(names, expression).toContain(metric)
      const own = rows.find(({ metrics }) => metrics.includes(metric))?.labels
      for (const label of labels) expect([...(own ?? []), 'job', 'instance'], expression).toContain(label)
    }
  }
})

test('what the dashboard and the alerts select by name is a name of the schema', async () => {
  const schema = await read('schema.graphql')
  const found = await expressions()
  const values = [...found.dashboard, ...found.alerts].flatMap((expression) =>
    [...expression.matchAll(/(?:type|code|field)[=!]~?"([^"]+)"/g)].flatMap(([, pattern = '']) => pattern.split('|')),
  )
  expect(values.length).toBeGreaterThan(10)
  for (const value of values) if (value !== 'OK') expect(schema, value).toMatch(new RegExp(`^  ${value}\\b`, 'm'))
})

test('every metric of Gatehouse is on the dashboard', async () => {
  const shown = (await expressions()).dashboard.flatMap(selectorsIn).map(({ metric }) => metric)
  expect(names.filter((name) => name.startsWith('gatehouse_') && !shown.includes(name))).toEqual([])
})

test('the dashboard can be imported: it takes its source of data from a variable, and no two panels share an id', async () => {
  const whole = JSON.parse(await read('docs/grafana/gatehouse.json'))
  expect(whole.schemaVersion).toBeGreaterThanOrEqual(36)
  expect(whole.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' })
  const panels: { id: number; type: string; datasource?: { uid: string } }[] = whole.panels
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const sources = panels.filter(({ type }) => type !== 'row').map(({ datasource }) => datasource?.uid)
  for (const source of sources) expect(source).toMatch(/^\$\{datasource\}$/)
})

test('the table of alerts has every rule, and no other', async () => {
  const rules = [...(await read('docs/prometheus/alerts.yml')).matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const rows = [...(await section('Alerts')).matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
  expect(rows).toEqual(rules)
})
