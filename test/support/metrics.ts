/** What a server tells Prometheus, as it stands there. */
export const metricsText = async (url: string): Promise<string> => {
  const response = await fetch(`${url}/metrics`)
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`)
  return response.text()
}

/** Each series with its value: `gatehouse_sign_ins_total{outcome="SUCCESS"}`. */
export const metricsOf = async (url: string): Promise<ReadonlyMap<string, number>> => {
  const lines = (await metricsText(url)).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

/** The names of all metrics that a server has, those without a value among them. */
export const metricNames = async (url: string): Promise<string[]> =>
  [...(await metricsText(url)).matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
