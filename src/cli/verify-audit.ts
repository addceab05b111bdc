import { createPublicKey, type KeyObject } from 'node:crypto'
import { createVerifyArchives } from '../audit/archive-verification-service.ts'
import { auditKeyId, auditKeysOf } from '../audit/audit-key.ts'
import { type ChainPosition, describeFinding, type Finding, type KnownKeys } from '../audit/verification.ts'
import { parseKeys } from '../config.ts'
import { openArchives } from './archive-input.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { readErasures } from './erasures-input.ts'
import { parseHead } from './head.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

export const verifyAudit: Command = {
  summary: 'Checks that nothing in the security log was altered, removed or added.',
  usage: `verify-audit [--from TIME] [--to TIME] [--head SEQUENCE:HASH] [--public-key KEY]
gatehouse verify-audit --files FILE… [--erased FILE] [--head SEQUENCE:HASH]
                       [--public-key KEY]

  --from TIME            with --to: only what was sealed between the checkpoints
  --to TIME              around these times (RFC 3339)
  --head SEQUENCE:HASH   a head that an earlier run printed: tells whether the log
                         was cut, or replaced, since then
  --files FILE…          archived months instead of the database; the personal data
                         beside them is checked where it is there
  --erased FILE          with --files: who was erased, as the command erasures
                         prints it; else that must stand in the files
  --public-key KEY       a key whose signatures count, as this command prints it;
                         may be repeated

Needs GATEHOUSE_KEYS, the same that the servers have, or public keys. Note the
head down where nobody who can write to the database can: without one, a log that
was set back as a whole to an earlier state can't be told from an earlier log.
Reads only, and is safe while servers run.

Example: gatehouse verify-audit
Example: gatehouse verify-audit --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z
Example: gatehouse verify-audit --files archive/security-events-2026-*.jsonl.gz
Exit code: 0 intact, 1 broken or failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values, positionals } = parseOptions({
      args,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        head: { type: 'string' },
        files: { type: 'string', multiple: true },
        erased: { type: 'string' },
        'public-key': { type: 'string', multiple: true },
      },
      allowPositionals: true,
    })
    if (values.erased && !values.files)
      throw new UsageError('--erased is for --files: the database knows who was erased')
    if (positionals.length > 0 && !values.files) throw new UsageError(`"${positionals[0]}" is no option`)
    const keys = knownKeys(values['public-key'] ?? [])
    const knownHead = values.head === undefined ? null : parseHead(values.head)
    const [from, to] = [parseTime('from', values.from), parseTime('to', values.to)]
    if (from && to && from > to) throw new UsageError('--to must not be before --from')
    const progress = createProgress(process.stderr, () => performance.now(), 'events')

    if (values.files) {
      if (from || to) throw new UsageError('--from and --to are for the database: files are checked whole')
      const onProgress = (checked: number) => progress.show(checked, null)
      const erased = values.erased === undefined ? [] : await readErasures(values.erased)
      const archives = createVerifyArchives({ keys, knownHead, erased, onProgress })
      let total = 0
      for (const { name, file } of await openArchives([...values.files, ...positionals])) {
        const { checkedEvents, end, finding } = await archives.check(file).finally(progress.clear)
        tell(name, { checkedEvents, head: end, finding })
        if (finding) return
        total += checkedEvents
      }
      const finding = archives.unexplained()
      if (finding) return tell('What is archived', { checkedEvents: total, head: null, finding })
    } else {
      const result = await asOperator(databaseUrl(), ({ verifyLog }) =>
        verifyLog(keys)({ from, to, knownHead, onProgress: progress.show }),
      ).finally(progress.clear)
      tell('The security log', result)
      if (result.head) console.log(`Sealed through ${result.head.sealedAt.toISOString()}.`)
    }
    for (const key of keys.values()) console.log(`Public key ${printKey(key)}`)
  },
}

interface Result {
  readonly checkedEvents: number
  readonly head: ChainPosition | null
  readonly finding: Finding | null
}

const tell = (what: string, { checkedEvents, head, finding }: Result): void => {
  if (finding) {
    process.exitCode = 1
    const event = finding.eventId ? ` Event ${finding.eventId}.` : ''
    console.log(
      `${what} is BROKEN: ${describeFinding(finding)}${event} ${checkedEvents} events before that are intact.`,
    )
  } else console.log(`${what} is intact: ${checkedEvents} events.`)
  if (head) console.log(`Head ${head.sequence}:${head.hash.toString('hex')}`)
}

const knownKeys = (given: readonly string[]): KnownKeys => {
  const ring = parseKeys(process.env.GATEHOUSE_KEYS?.trim() ?? '', (problem) => {
    throw new UsageError(problem)
  })
  const keys = [...(ring ? auditKeysOf(ring).map(({ publicKey }) => publicKey) : []), ...given.map(parseKey)]
  if (keys.length === 0) throw new UsageError('GATEHOUSE_KEYS is missing, and no --public-key was given')
  return new Map(keys.map((key) => [auditKeyId(key), key]))
}

const printKey = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64url')

const parseKey = (text: string): KeyObject => {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64url'), type: 'spki', format: 'der' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // told below
  }
  throw new UsageError('--public-key must be a key as this command prints it')
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

const parseTime = (name: string, text: string | undefined): Date | null => {
  if (text === undefined) return null
  const time = new Date(rfc3339.test(text) ? text : Number.NaN)
  if (Number.isNaN(time.getTime())) throw new UsageError(`--${name} must be a time such as 2026-01-31T12:00:00Z`)
  return time
}
