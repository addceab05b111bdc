import { tracingChannel } from 'node:diagnostics_channel'
import { defaultTextMapGetter, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { withDeadline } from '../lib/deadline.ts'
import type { Logger } from '../lib/logger.ts'
import { currentRequest, type EndSpan, ended, type SpanSystem } from '../lib/request-scope.ts'
import type { Tracing } from './tracing.ts'

export interface TracingOptions {
  /** Where the collector takes traces: `http://collector:4318/v1/traces`. */
  readonly url: string
  readonly serviceName: string
  /** The share of requests to record, 0 to 1. */
  readonly ratio: number
}

const exportTimeoutMs = 2_000
const exportIntervalMs = 500
const mostQueued = 2_048 // spans; what comes while a collector is away is dropped
const mostExportsUnderWay = 2
const longestStopMs = 1_500
const longestAttribute = 1_000

/**
 * Sends traces to a collector by OTLP over HTTP. Nobody waits for it: spans are handed over in batches, and dropped where
 * the collector does not take them. Of the traces that callers record, and of those that begin here, the ratio says how many are
 * recorded: by lot, as the id of a trace is what its caller chose.
 */
export const openTracing = ({ url, serviceName, ratio }: TracingOptions, log: Logger): Tracing => {
  const share: Sampler = {
    shouldSample: () => ({
      decision: Math.random() < ratio ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    }),
  }
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs, concurrencyLimit: mostExportsUnderWay })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    sampler: new ParentBasedSampler({ root: share, remoteParentSampled: share }),
    spanLimits: { attributeValueLengthLimit: longestAttribute },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: telling(exporter, log),
        maxQueueSize: mostQueued,
        scheduledDelayMillis: exportIntervalMs,
        exportTimeoutMillis: exportTimeoutMs,
      }),
    ],
  })
  const tracer = provider.getTracer('gatehouse')
  const propagator = new W3CTraceContextPropagator()

  const begin = (parent: Span | undefined, system: SpanSystem, what: string): EndSpan => {
    const [name, attributes] = descriptionOf(system, what)
    const within = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, within)
    return (hasFailed) => finish(span, hasFailed)
  }

  const stopRedis = traceRedis()
  return {
    begin(headers, arrivedAt) {
      const caller = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
      const startTime = performance.timeOrigin + arrivedAt
      const span = tracer.startSpan('POST /graphql', { kind: SpanKind.SERVER, startTime }, caller)
      if (!span.isRecording()) return undefined
      let operation: Span | undefined
      return {
        id: span.spanContext().traceId,
        begin: (system, what) => begin(operation ?? span, system, what),
        beginOperation(name) {
          const [type] = name.split(' ')
          const attributes = { 'graphql.operation.type': type as string }
          operation ??= tracer.startSpan(name, { attributes }, trace.setSpan(ROOT_CONTEXT, span))
        },
        end(status) {
          operation?.end()
          span.setAttributes({
            'http.request.method': 'POST',
            'http.route': '/graphql',
            'http.response.status_code': status,
          })
          finish(span, status >= 500)
        },
      }
    },
    traceDelivery: (deliver) => (message) => ended(begin(undefined, 'smtp', 'send'), deliver(message)),
    async close() {
      stopRedis()
      await withDeadline(provider.shutdown(), longestStopMs, 'The collector of traces')
    },
  }
}

const finish = (span: Span, hasFailed = false): void => {
  if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR }) // the words of an error may quote what must not leave
  span.end()
}

/** By the names that OpenTelemetry gives such things. */
const descriptionOf = (system: SpanSystem, what: string): [name: string, attributes: Record<string, string>] => {
  if (system === 'postgresql') {
    const statement = what.replace(/\s+/g, ' ').trim()
    return [`postgresql ${/^\w*/.exec(statement)}`, { 'db.system.name': system, 'db.query.text': statement }]
  }
  if (system === 'redis') return [`redis ${what}`, { 'db.system.name': system, 'db.operation.name': what }]
  return [`${system} ${what}`, {}]
}

interface RedisCommand {
  readonly args: readonly unknown[]
  end?: EndSpan | undefined
}

/** The client tells of each command; of its arguments, which are keys and values, only the first is taken: its name. */
const traceRedis = (): (() => void) => {
  const channel = tracingChannel<RedisCommand, RedisCommand>('node-redis:command')
  const handlers = {
    start(command: RedisCommand) {
      command.end = currentRequest()?.trace?.begin('redis', String(command.args[0]))
    },
    end() {},
    asyncStart() {},
    asyncEnd: (command: RedisCommand & { error?: unknown }) => command.end?.(command.error !== undefined),
    error() {},
  }
  channel.subscribe(handlers)
  return () => void channel.unsubscribe(handlers)
}

/** Logs when a collector begins to fail, and when it takes traces again. */
const telling = (exporter: OTLPTraceExporter, log: Logger): SpanExporter => {
  let isFailing = false
  return {
    export: (spans, done) =>
      exporter.export(spans, (result: ExportResult) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS
        if (hasFailed && !isFailing)
          log.warn({ err: result.error }, 'the collector does not take traces: they are dropped')
        if (!hasFailed && isFailing) log.info('the collector takes traces again')
        isFailing = hasFailed
        done(result)
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  }
}
